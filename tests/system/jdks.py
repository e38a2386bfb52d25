# SPDX-License-Identifier: Apache-2.0
"""Which JDKs this machine has."""

import functools
import os
import pathlib

PLACES = ("/usr/lib/jvm", "/opt", "/usr/java")


@functools.cache
def all_jdks():
    """{feature version: directory}; Debian's own before others of the same version."""
    found = {}
    candidates = [os.environ.get("JAVA_HOME", "")]
    for place in PLACES:
        if os.path.isdir(place):
            candidates += [str(p) for p in sorted(pathlib.Path(place).iterdir())]
    for directory in candidates:
        release = pathlib.Path(directory) / "release"
        if not directory or not release.is_file() or not os.access(f"{directory}/bin/java", os.X_OK):
            continue
        for line in release.read_text().splitlines():
            if line.startswith("JAVA_VERSION="):
                feature = int(line.split('"')[1].split(".")[0])
                found.setdefault(feature, os.path.realpath(directory))
    return found


def find(feature):
    """The directory of that JDK, or None."""
    return all_jdks().get(feature)


def reason_for_absence(feature):
    return f"no JDK {feature} on this machine (looked in JAVA_HOME, {', '.join(PLACES)})"
