#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian's lwIP source package, checks it, unpacks it and applies patches.

Downloads are kept, and a file whose checksum is right is not fetched again. Debian's own patches that
touch what the kernel compiles come first, then the project's. The folder appears whole or not at all.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request

VERSION = "2.1.3+dfsg1"
# (name, SHA-256, SHA-1). The snapshot archive, which forgets nothing, finds files by their SHA-1.
TARBALLS = (
    (f"lwip_{VERSION}.orig.tar.xz", "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24",
     "3abf03cb17b9ba41e30da318d8f65f2aeb203911"),
    (f"lwip_{VERSION}-2.debian.tar.xz", "c5a48413d362cc757032cdd58f528f75eb64ee781ca46ca24f010b49b0e62a90",
     "24241dcaae84292de44edb425f49cd9cc8febff4"),
)
MIRROR = os.environ.get("MOKA_DEBIAN_MIRROR", "http://deb.debian.org/debian")
SNAPSHOT = "http://snapshot.debian.org/file"
PATIENCE_SECONDS = 60


def fetch(directory, name, sha256, sha1):
    path = directory / name
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return path
    problems = []
    for url in (f"{MIRROR}/pool/main/l/lwip/{name}", f"{SNAPSHOT}/{sha1}"):
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError) as error:
            problems.append(f"{url}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            problems.append(f"{url}: SHA-256 is {found}, not {sha256}")
            continue
        # Written aside and renamed: another build may be fetching the same file.
        aside = directory / f"{name}.{os.getpid()}"
        aside.write_bytes(content)
        aside.rename(path)
        return path
    raise SystemExit("cannot get lwIP, Debian's source package of the TCP/IP stack:\n  " + "\n  ".join(problems) +
                     f"\nWithout a network, put {name} into {directory}/ by hand.")


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
    options.downloads.mkdir(parents=True, exist_ok=True)
    original, debian = (fetch(options.downloads, *tarball) for tarball in TARBALLS)

    fresh = options.out.with_name(options.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for tarball in (original, debian):
        with tarfile.open(tarball) as archive:
            archive.extractall(fresh)
    # The original's files lie in a folder of their own; Debian's in debian/.
    (top,) = (entry for entry in fresh.iterdir() if entry.is_dir() and entry.name != "debian")
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
    shutil.rmtree(options.out, ignore_errors=True)
    top.rename(options.out)
    shutil.rmtree(fresh)


if __name__ == "__main__":
    sys.exit(main())
