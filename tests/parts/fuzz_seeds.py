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

RECORD = (b'{"name":"app","pid":7,"program":"app.jar","java":true,"attach":true,"detached":true,"memoryMiB":512,'
          b'"cpus":2,"started":1700000000,"artifacts":"/tmp/a","ports":[{"protocol":"tcp","address":"127.0.0.1",'
          b'"port":8081,"guestPort":8080}]}\n')
FOLDER, LINK, PIPE, FILE = 1, 2, 3, 4


def state(*kinds):
    """The folder of a VM that ended: vm.json, end.json, log, lock and socket, each a kind or the contents of a file."""
    return bytes([1]) + b"".join(bytes([kind]) if isinstance(kind, int) else
                                 bytes([FILE]) + len(kind).to_bytes(2, "big") + kind for kind in kinds)


# {target without _fuzz: {name: bytes}}
SEEDS = {
    # A first byte for the target, then text.
    "direct_calls": {
        # mov $39, %eax; mov %r12d, %esi; syscall; ret
        "move_and_syscall": bytes.fromhex("01 b827000000 4489e6 0f05 c3"),
        # cmpb $0, 0x1000(%rip); je over the next; xor %eax, %eax; syscall; ret
        "relative": bytes.fromhex("01 803d0010000000 7402 31c0 0f05 c3"),
    },
    "launcher_state": {
        "ended": state(RECORD, b'{"status":3,"by":"application","signal":0,"reason":""}\n', b"said this\n", b"", 0),
        "kinds": state(PIPE, FOLDER, b"", LINK, PIPE),
        "nested": state(b"[" * 99 + b"]" * 99, b'{"status":99999999999,"x":' + b"[" * 99 + b"]" * 99 + b"}", b"", b"", 0),
    },
    "launcher_image": {
        "archive": newc({"archive.json": ARCHIVE_OF_CLASSES, "base": b"B", "application": b"A"}),
    },
}


def write(target, folder):
    for name, content in SEEDS.get(target, {}).items():
        (folder / name).write_bytes(content)
