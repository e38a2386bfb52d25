#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the C++ table of what the kernel consists of (kernel_parts.h): the notices come from the source packages as
the build has unpacked them, so none is kept here and none is of another version than what was compiled.

As plain text (--text) the same notices go beside an installed moka."""

import argparse
import dataclasses
import pathlib
import re
import sys


@dataclasses.dataclass
class Part:
    name: str
    license: str
    tree: str = ""  # below third-party
    fetched_by: str = ""  # names the source package with its version
    notice: str = "LICENSE"  # in the tree
    holders_in: tuple = ()  # folders of the tree in whose files the copyright holders are named


KERNEL = (
    Part("Mokapot", "Apache-2.0"),
    Part("lwIP", "BSD-3-Clause", "lwip", "kernel/net/lwip_port/unpack.py", "COPYING", ("src/core", "src/include/lwip")),
    Part("LZ4", "BSD-2-Clause", "lz4", "kernel/fs/lz4_port/unpack.py", "lib/LICENSE"),
)
MOKA = (Part("Zydis", "MIT", "zydis", "launcher/direct/unpack_zydis.py"),)


def package_of(part):
    """Name and version of the source package, of the file names in the script that fetches it."""
    if not part.fetched_by:
        return "", ""
    script = pathlib.Path(part.fetched_by).read_text(encoding="utf-8")
    version = re.search(r'^VERSION = "(.*)"$', script, re.MULTILINE)
    script = script.replace("{VERSION}", version[1] if version else "")
    found = re.search(r'"([a-z0-9+.-]+)_(\S+?)\.orig\.tar', script)
    if not found:
        raise SystemExit(f"{part.fetched_by} names no source package")
    return found[1], found[2]


def notice_of(part, third_party):
    if not part.tree:
        return "Copyright the authors of Mokapot\n\n" + pathlib.Path("LICENSE").read_text(encoding="utf-8")
    tree = third_party / part.tree
    notice = (tree / part.notice).read_text(encoding="utf-8")
    holders = set()
    for folder in part.holders_in:
        for file in sorted((tree / folder).rglob("*.[ch]")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if found := re.match(r"[\s/*]*(Copyright \(c\).*?)[\s*/]*$", line, re.IGNORECASE):
                    holders.add(" ".join(found[1].split()))
    holders = sorted(line for line in holders if line not in " ".join(notice.split()))
    return notice + ("\nIn its files:\n" + "".join(f"  {line}\n" for line in holders) if holders else "")


def literal(text):
    """Adjacent literals: the compiler joins them."""
    pieces = []
    for line in text.splitlines(keepends=True):
        bytes_of = line.encode()
        pieces.append('"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in bytes_of) + '"')
    return "\n    ".join(pieces) or '""'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--third-party", type=pathlib.Path, required=True)
    parser.add_argument("--text", action="store_true", help="the notices of all third parties, in moka, too")
    options = parser.parse_args()
    if options.text:
        for part in KERNEL[1:] + MOKA:
            print(f"\n==== {part.name}, {'in moka' if part in MOKA else 'in the kernel'}\n\n" + notice_of(part, options.third_party))
        return 0
    print('// Made by launcher/build/kernel_parts.py.\n#include "build/kernel_parts.h"\n\nnamespace moka {\nnamespace {\n')
    print("constexpr KernelPart kParts[] = {")
    for part in KERNEL:
        package, version = package_of(part)
        fields = [part.name, version, package, part.license, notice_of(part, options.third_party)]
        print("  {" + ",\n   ".join(map(literal, fields)) + "},")
    print("};\n\n}  // namespace\n\nstd::span<const KernelPart> kernel_parts() { return kParts; }\n\n}  // namespace moka")
    return 0


if __name__ == "__main__":
    sys.exit(main())
