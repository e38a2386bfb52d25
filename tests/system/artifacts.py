# SPDX-License-Identifier: Apache-2.0
"""Servers and libraries from Maven Central that tests run as they are: fetched once by Maven, at pinned versions
(a pom.xml each), checked, and kept in build/artifacts."""

import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile

PLACE = pathlib.Path("build/artifacts")
VERSION = "10.1.48"
DISTRIBUTION = f"tomcat-{VERSION}.tar.gz"
EMBEDDED = tuple(f"tomcat-{part}-{VERSION}.jar" for part in (
    "embed-core", "embed-websocket", "embed-jasper", "embed-el", "annotations-api")) + ("ecj-3.33.0.jar",)


@dataclasses.dataclass(frozen=True)
class Artifacts:
    pom: str
    place: pathlib.Path
    sums: dict  # {file name: SHA-256}
    options: tuple = ()  # for Maven

    def is_right(self, name):
        file = self.place / name
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == self.sums[name]

    def fetch(self):
        """'' once everything is there, else why it is not."""
        missing = [name for name in self.sums if not self.is_right(name)]
        if not missing:
            return ""
        if not shutil.which("mvn"):
            return f"{missing[0]} is not in {self.place}, and there is no Maven to fetch it (Debian: maven)"
        try:
            fetched = subprocess.run(["mvn", "-q", "-B", "-f", self.pom, "dependency:copy-dependencies", *self.options,
                                      f"-DoutputDirectory={self.place.absolute()}"],
                                     capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            return "Maven did not fetch it within 300 s"
        wrong = [name for name in self.sums if not self.is_right(name)]
        if fetched.returncode == 0 and wrong:
            raise ValueError(f"{self.place / wrong[0]} is not the file that it should be; remove it if it was cut short")
        return "" if not wrong else f"Maven could not fetch {wrong[0]}: {fetched.stdout.strip()[-300:]}"

    def link(self, place, names=()):
        """Its files, or those named, in the new folder `place`."""
        place.mkdir(parents=True)
        for name in names or self.sums:
            os.link(self.place / name, place / name)


def read_sums(path):
    """{file name: SHA-256} of a file as sha256sum writes it."""
    return {name: total for total, name in map(str.split, pathlib.Path(path).read_text().splitlines())}


TOMCAT = Artifacts("tests/system/tomcat/pom.xml", PLACE, read_sums("tests/system/tomcat/checksums.txt"),
                   ("-DexcludeTransitive=true",))
NETWORK_LIBRARIES = Artifacts("tests/system/netsuites/pom.xml", PLACE / "netsuites",
                              read_sums("tests/system/netsuites/checksums.txt"))


def unpack_distribution(place):
    """The Tomcat distribution below `place`, as it was packed; its folder."""
    with tarfile.open(PLACE / DISTRIBUTION) as archive:
        archive.extractall(place, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(place)
    return place / f"apache-tomcat-{VERSION}"
