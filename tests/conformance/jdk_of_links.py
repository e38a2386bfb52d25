# SPDX-License-Identifier: Apache-2.0
"""A JDK that harnesses of others take for the one under test: links to a real one, but for bin/java, which is a program
of ours that decides where each JVM runs."""

import os
import pathlib


def make_jdk(place, jdk, java):
    """`java`: the program that stands for bin/java."""
    (place / "bin").mkdir(parents=True)
    for folder in (pathlib.Path(jdk), pathlib.Path(jdk) / "bin"):
        for entry in folder.iterdir():
            if entry.name not in ("bin", "java"):
                os.symlink(entry, place / entry.relative_to(jdk))
    os.symlink(pathlib.Path(java).absolute(), place / "bin/java")
