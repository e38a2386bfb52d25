#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian's source package of Zydis, the instruction decoder, checks and unpacks it. Debian's own patches
concern documentation and CMake, which this build does without."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "kernel"))
import third_party  # noqa: E402

POOL = "main/z/zydis"
# (name, SHA-256, SHA-1)
TARBALL = ("zydis_4.0.0.orig.tar.gz", "e990107f80c62afc1deb51de230023a1098db801b8ea6bf483e296d45459e234",
           "0829c90b4cc325c7a8d02e81553c6f197674fc69")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--downloads", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    fresh, top = third_party.unpack([third_party.fetch(options.downloads, POOL, *TARBALL)], options.out)
    third_party.finish(fresh, top, options.out)


if __name__ == "__main__":
    sys.exit(main())
