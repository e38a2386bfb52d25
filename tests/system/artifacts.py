# SPDX-License-Identifier: Apache-2.0
"""Servers from Maven Central that tests run as they are: fetched once by Maven, at pinned versions
(tests/system/tomcat/pom.xml), checked, and kept in build/artifacts."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile

PLACE = pathlib.Path("build/artifacts")
POM = "tests/system/tomcat/pom.xml"
VERSION = "10.1.48"
DISTRIBUTION = f"tomcat-{VERSION}.tar.gz"
EMBEDDED = (f"tomcat-embed-core-{VERSION}.jar", f"tomcat-embed-websocket-{VERSION}.jar",
            f"tomcat-annotations-api-{VERSION}.jar")
SHA256 = {
    DISTRIBUTION: "6c000c20136cf2aed046142997818416a160c0e516c1fba24544b4d09dba9513",
    EMBEDDED[0]: "a9137d3526a05ce2f9359cfc7b108240bd3d01ff323b37986e5bd43208ff0f56",
    EMBEDDED[1]: "d445d0ba335bcf06e6d02257a07c68d1c3c471d10c68330360af51db9ee47faa",
    EMBEDDED[2]: "7e7f609d23a347adf61277f2c2d9d252a7b9b7447c82f77b14cca9b942c8e1b9",
}


def is_right(name):
    file = PLACE / name
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == SHA256[name]


def fetch():
    """'' once everything is there, else why it is not."""
    missing = [name for name in SHA256 if not is_right(name)]
    if not missing:
        return ""
    if not shutil.which("mvn"):
        return f"{missing[0]} is not in {PLACE}, and there is no Maven to fetch it (Debian: maven)"
    try:
        fetched = subprocess.run(["mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies",
                                  "-DexcludeTransitive=true", f"-DoutputDirectory={PLACE.absolute()}"],
                                 capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return "Maven did not fetch it within 300 s"
    wrong = [name for name in SHA256 if not is_right(name)]
    if fetched.returncode == 0 and wrong:
        raise ValueError(f"{PLACE / wrong[0]} is not the file that it should be; remove it if it was cut short")
    return "" if not wrong else f"Maven could not fetch {wrong[0]}: {fetched.stdout.strip()[-300:]}"


def unpack_distribution(place):
    """The Tomcat distribution below `place`, as it was packed; its folder."""
    with tarfile.open(PLACE / DISTRIBUTION) as archive:
        archive.extractall(place, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(place)
    return place / f"apache-tomcat-{VERSION}"


def link_embedded(place):
    """The jars of the embedded Tomcat in the folder `place`."""
    place.mkdir(parents=True)
    for name in EMBEDDED:
        os.link(PLACE / name, place / name)
