#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian's source package of Zydis, the instruction decoder, checks and unpacks it. Debian's own patches
concern documentation and CMake, which this build does without.

Downloads are kept, and a file whose checksum is right is not fetched again. The folder appears whole or not at all.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import sys
import tarfile
import urllib.error
import urllib.request

TARBALL = "zydis_4.0.0.orig.tar.gz"
SHA256 = "e990107f80c62afc1deb51de230023a1098db801b8ea6bf483e296d45459e234"
# The snapshot archive, which forgets nothing, finds files by it.
SHA1 = "0829c90b4cc325c7a8d02e81553c6f197674fc69"
MIRROR = os.environ.get("MOKA_DEBIAN_MIRROR", "http://deb.debian.org/debian")
SNAPSHOT = "http://snapshot.debian.org/file"
PATIENCE_SECONDS = 60


def fetch(directory):
    path = directory / TARBALL
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    problems = []
    for url in (f"{MIRROR}/pool/main/z/zydis/{TARBALL}", f"{SNAPSHOT}/{SHA1}"):
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError) as error:
            problems.append(f"{url}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found != SHA256:
            problems.append(f"{url}: SHA-256 is {found}, not {SHA256}")
            continue
        # Written aside and renamed: another build may be fetching the same file.
        aside = directory / f"{TARBALL}.{os.getpid()}"
        aside.write_bytes(content)
        aside.rename(path)
        return path
    raise SystemExit("cannot get Zydis, the instruction decoder, from Debian:\n  " + "\n  ".join(problems) +
                     f"\nWithout a network, put {TARBALL} into {directory}/ by hand.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--downloads", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    options.downloads.mkdir(parents=True, exist_ok=True)

    fresh = options.out.with_name(options.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    with tarfile.open(fetch(options.downloads)) as archive:
        archive.extractall(fresh)
    (top,) = fresh.iterdir()
    shutil.rmtree(options.out, ignore_errors=True)
    top.rename(options.out)
    fresh.rmdir()


if __name__ == "__main__":
    sys.exit(main())
