#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the jars of the system tests with the JDK's own tools.

cases.jar holds tests/system/java/cases, one main class a case. cases25.jar holds what only a newer JDK
compiles and is made where there is one. The others are each about how a jar is put together.
"""

import argparse
import pathlib
import shutil
import subprocess
import zipfile

import jdks

SOURCES = pathlib.Path(__file__).parent / "java"


def compile_tree(javac, sources, classes, release, *options):
    classes.mkdir(parents=True)
    files = sorted(map(str, sources.rglob("*.java")))
    subprocess.run([javac, "--release", str(release), "-Xlint:all,-processing,-options", "-Werror",
                    "-d", str(classes), *options, *files], check=True)


def make_jar(path, classes, manifest=(), resources=None):
    """A jar with the given manifest lines; entries in a fixed order with a fixed date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as jar:
        def add(name, data):
            jar.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
        add("META-INF/MANIFEST.MF", "".join(f"{line}\r\n" for line in ["Manifest-Version: 1.0", *manifest, ""]))
        for root in [classes, *([resources] if resources else [])]:
            for file in sorted(root.rglob("*")):
                if file.is_file() and file.suffix != ".java":
                    add(str(file.relative_to(root)), file.read_bytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    work = out / "classes"
    javac = "javac"

    compile_tree(javac, SOURCES / "cases", work / "cases", 17)
    make_jar(out / "cases.jar", work / "cases")

    compile_tree(javac, SOURCES / "network", work / "network", 17)
    make_jar(out / "network.jar", work / "network")

    compile_tree(javac, SOURCES / "faults", work / "faults", 17)
    make_jar(out / "faults.jar", work / "faults")

    compile_tree(javac, SOURCES / "tools", work / "tools", 17, "-g")  # a debugger shows variables
    make_jar(out / "tools.jar", work / "tools")
    compile_tree(javac, SOURCES / "tools_redefined", out / "redefined", 17, "-g")

    newest = jdks.find(25)
    if newest:
        compile_tree(f"{newest}/bin/javac", SOURCES / "cases25", work / "cases25", 25)
        make_jar(out / "cases25.jar", work / "cases25")
        # A program for a newer runtime than JDK 17: must be refused with advice.
        make_jar(out / "too-new.jar", work / "cases25", ["Main-Class: VirtualThreads"])

    place = out / "classpath"
    compile_tree(javac, SOURCES / "classpath/first", work / "first", 17)
    compile_tree(javac, SOURCES / "classpath/second", work / "second", 17)
    compile_tree(javac, SOURCES / "classpath/main", work / "main", 17, "-cp", f"{work}/first:{work}/second")
    make_jar(place / "lib/first.jar", work / "first", resources=SOURCES / "classpath/first")
    make_jar(place / "lib/the second.jar", work / "second")
    make_jar(place / "main.jar", work / "main",
             ["Main-Class: Main", "Class-Path: lib/first.jar lib/the%20second.jar lib/missing.jar"])

    versions = work / "multirelease"
    for name, target in (("base", ""), ("v17", "META-INF/versions/17"), ("v21", "META-INF/versions/21")):
        compile_tree(javac, SOURCES / "multirelease" / name, versions / target, 17) if target else \
            compile_tree(javac, SOURCES / "multirelease/base", versions, 17)
    make_jar(out / "multirelease.jar", versions, ["Main-Class: Main", "Multi-Release: true"])

    compile_tree(javac, SOURCES / "agent", work / "agent", 17)
    make_jar(out / "agent.jar", work / "agent",
             ["Main-Class: Main", "Launcher-Agent-Class: Agent", "Can-Redefine-Classes: true"])

    compile_tree(javac, SOURCES / "modular/io.mokapot.modular", work / "modular", 17)
    make_jar(out / "modular.jar", work / "modular", ["Main-Class: io.mokapot.modular.Main"])
    (out / "modular.args").write_text(f"-p {out}/modular.jar\n-m io.mokapot.modular/io.mokapot.modular.Main\n")

    compile_tree(javac, SOURCES / "check", work / "check", 17)
    make_jar(out / "check.jar", work / "check")
    for name in ("Starts", "Refers", "Loads", "Draws", "Harmless"):
        make_jar(out / f"check-{name.lower()}.jar", work / "check", [f"Main-Class: {name}"])

    # Bad input.
    make_jar(out / "no-main-class.jar", work / "cases")
    whole = (out / "cases.jar").read_bytes()
    (out / "truncated.jar").write_bytes(whole[:len(whole) // 2])
    (out / "not-a-jar.jar").write_text("This is a text file.\n")
    (out / "empty.jar").write_bytes(b"")
    make_jar(out / "no-such-class.jar", work / "agent", ["Main-Class: NoSuchClass"])


if __name__ == "__main__":
    main()
