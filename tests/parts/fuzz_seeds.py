# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzzers that are no text, made before each run: the repository holds sources only. Text lies in
tests/fuzz/corpus."""


def newc(members):
    """A cpio archive of that format with files of these contents."""
    archive = b""
    for number, (name, content) in enumerate([*members.items(), ("TRAILER!!!", b"")], start=1):
        is_file = name != "TRAILER!!!"
        fields = (number if is_file else 0, 0o100600 if is_file else 0, 0, 0, 1, 0, len(content), 0, 0, 0, 0,
                  len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (name.encode() + b"\0", content):
            archive += part
            archive += bytes(-len(archive) % 4)
    return archive


ARCHIVE_OF_CLASSES = b"""{
  "mokapotArchive": 1,
  "training": "start",
  "java": "17",
  "runtime": "r",
  "application": "a",
  "options": [
    "-Xmx1g"
  ],
  "processor": "emulated",
  "files": [
    {
      "name": "base",
      "bytes": 1,
      "hash": "4b7bf77b50055ece54cdb98f95093f34"
    },
    {
      "name": "application",
      "bytes": 1,
      "hash": "3dcf699bc5054b72f52b223f61f9e565"
    }
  ]
}
"""

# {target without _fuzz: {name: bytes}}
SEEDS = {
    # A first byte for the target, then text.
    "direct_calls": {
        # mov $39, %eax; mov %r12d, %esi; syscall; ret
        "move_and_syscall": bytes.fromhex("01 b827000000 4489e6 0f05 c3"),
        # cmpb $0, 0x1000(%rip); je over the next; xor %eax, %eax; syscall; ret
        "relative": bytes.fromhex("01 803d0010000000 7402 31c0 0f05 c3"),
    },
    "launcher_image": {
        "archive": newc({"archive.json": ARCHIVE_OF_CLASSES, "base": b"B", "application": b"A"}),
    },
}


def write(target, folder):
    for name, content in SEEDS.get(target, {}).items():
        (folder / name).write_bytes(content)
