#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian's lwIP source package, checks it, unpacks it and applies patches.

Debian's own patches that touch what the kernel compiles come first, then the project's.
"""

import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import third_party  # noqa: E402

POOL = "main/l/lwip"
VERSION = "2.1.3+dfsg1"
# (name, SHA-256, SHA-1)
TARBALLS = (
    (f"lwip_{VERSION}.orig.tar.xz", "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24",
     "3abf03cb17b9ba41e30da318d8f65f2aeb203911"),
    (f"lwip_{VERSION}-2.debian.tar.xz", "c5a48413d362cc757032cdd58f528f75eb64ee781ca46ca24f010b49b0e62a90",
     "24241dcaae84292de44edb425f49cd9cc8febff4"),
)


def apply(patch, folder):
    outcome = subprocess.run(["patch", "-p1", "--quiet", "--no-backup-if-mismatch", "-i", str(patch.resolve())],
                             cwd=folder, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise SystemExit(f"{patch} does not apply:\n{outcome.stdout}{outcome.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--downloads", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("patches", type=pathlib.Path, nargs="*")
    options = parser.parse_args()
    fresh, top = third_party.unpack(
        [third_party.fetch(options.downloads, POOL, *tarball) for tarball in TARBALLS], options.out)
    # Debian's patches concern its shared library (build files, POSIX port, sockets API, PPP), which the kernel
    # does not compile; a new one that touches the core is to be noticed.
    for line in (fresh / "debian/patches/series").read_text().split():
        text = (fresh / "debian/patches" / line).read_text()
        if "+++ b/src/core/" in text and line != "max_sockets":
            raise SystemExit(f"Debian's patch {line} touches lwIP's core: decide whether it is to be applied")
    # Some files end their lines as DOS does, which no patch survives that is kept in a text file.
    for source in (top / "src").rglob("*.[ch]"):
        source.write_bytes(source.read_bytes().replace(b"\r\n", b"\n"))
    for patch in options.patches:
        apply(patch, top)
    third_party.finish(fresh, top, options.out)


if __name__ == "__main__":
    sys.exit(main())
