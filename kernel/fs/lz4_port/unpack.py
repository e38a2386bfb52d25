#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian's LZ4 source package, checks it and unpacks it."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import third_party  # noqa: E402

POOL = "main/l/lz4"
# (name, SHA-256, SHA-1)
TARBALLS = (
    ("lz4_1.9.4.orig.tar.gz", "0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b",
     "1d262fd78a0dbaa409e764979c6a643d0370f8d1"),
    ("lz4_1.9.4-1.debian.tar.xz", "47ceec5b95f42598f7b9280b03df9659f2ee6852720ec181488e83bd643f0e5f",
     "3fa9ab166d2b26d136ce89611c0f84068c998aa1"),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--downloads", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    fresh, top = third_party.unpack(
        [third_party.fetch(options.downloads, POOL, *tarball) for tarball in TARBALLS], options.out)
    # Debian's patches concern how the library and its program are linked; one of the code itself is to be noticed.
    for line in (fresh / "debian/patches/series").read_text().split():
        if "+++ b/lib/lz4." in (fresh / "debian/patches" / line).read_text():
            raise SystemExit(f"Debian's patch {line} touches LZ4's code: decide whether it is to be applied")
    third_party.finish(fresh, top, options.out)


if __name__ == "__main__":
    sys.exit(main())
