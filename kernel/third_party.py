# SPDX-License-Identifier: Apache-2.0
"""Debian source packages that the kernel and `moka` are built with: fetched once, checked, and unpacked.

Downloads are kept, and a file whose checksum is right is not fetched again.
"""

import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request

MIRROR = os.environ.get("MOKA_DEBIAN_MIRROR", "http://deb.debian.org/debian")
SNAPSHOT = "http://snapshot.debian.org/file"
PATIENCE_SECONDS = 60


def fetch(directory, pool, name, sha256, sha1):
    """The file's path. `pool`: its folder in Debian's archive. The snapshot archive, which forgets nothing, finds
    files by their SHA-1."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return path
    problems = []
    for url in (f"{MIRROR}/pool/{pool}/{name}", f"{SNAPSHOT}/{sha1}"):
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
    raise SystemExit(f"cannot get {name}, a part of a Debian source package:\n  " + "\n  ".join(problems) +
                     f"\nWithout a network, put it into {directory}/ by hand.")


def unpack(tarballs, out):
    """Unpacks into a fresh folder beside `out`, and returns that and the upstream source's folder in it. Debian's own
    files are in its debian/."""
    fresh = out.with_name(out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for tarball in tarballs:
        with tarfile.open(tarball) as archive:
            archive.extractall(fresh)
    (top,) = (entry for entry in fresh.iterdir() if entry.is_dir() and entry.name != "debian")
    return fresh, top


def finish(fresh, top, out):
    """The folder appears whole or not at all."""
    shutil.rmtree(out, ignore_errors=True)
    top.rename(out)
    shutil.rmtree(fresh)
