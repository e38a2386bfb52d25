# SPDX-License-Identifier: Apache-2.0
"""OpenJDK's regression tests, from Debian's source package: fetched once, checked, and of its tree only what tests need
unpacked."""

import pathlib
import shutil
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "kernel"))
import third_party  # noqa: E402

FEATURE = 17
VERSION = "17.0.19+10"
POOL = "main/o/openjdk-17"
# (name, SHA-256, SHA-1)
TARBALL = (f"openjdk-17_{VERSION}.orig.tar.xz", "7a61915b168dfb9b45413140d78e38dc5b5250d99d1d99fef7136bf9fd45a07c",
           "0622f36af51bdaced7aa60c6b74f2a6fe8b80efb")
DOWNLOADS = pathlib.Path("build/downloads")
PLACE = pathlib.Path("build/third-party") / f"openjdk-tests-{VERSION}"
# The suites, what they share, and the headers that native parts of tests include.
WANTED = ("test/jdk/", "test/hotspot/jtreg/", "test/lib/", "test/jtreg-ext/", "src/java.base/share/native/libjava/",
          "src/java.base/unix/native/libjava/", "src/hotspot/share/include/", "src/hotspot/os/posix/include/")


def unpack(tarball):
    fresh = PLACE.with_name(PLACE.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = member.name.partition("/")[2]  # without the package's name
            if member.isfile() and path.startswith(WANTED):
                target = fresh / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.extractfile(member) as content, open(target, "wb") as file:
                    shutil.copyfileobj(content, file)
    (fresh / "wanted.txt").write_text("\n".join(WANTED))
    shutil.rmtree(PLACE, ignore_errors=True)
    fresh.rename(PLACE)  # whole or not at all


def is_there():
    """Unpacked, and by this list."""
    wanted = PLACE / "wanted.txt"
    return wanted.is_file() and wanted.read_text() == "\n".join(WANTED)


def fetch():
    """'' once the tests lie below PLACE, else why they do not."""
    if is_there():
        return ""
    try:
        unpack(third_party.fetch(DOWNLOADS, POOL, *TARBALL))
    except SystemExit as problem:
        return str(problem)
    return ""
