# SPDX-License-Identifier: Apache-2.0
"""The native libraries of OpenJDK's tests: a file a library, by the names that the tests load them by."""

import concurrent.futures
import subprocess

from conformance.openjdk import source

COMPILERS = {".c": ["gcc"], ".cpp": ["g++", "-std=c++14"]}
FLAGS = ("-w", "-O1", "-fPIC", "-shared", "-D_GNU_SOURCE", "-D_REENTRANT", "-DLINUX")


def place(suite):
    """Where the suite's libraries are: with the sources, since they change as seldom."""
    folder = source.PLACE.absolute() / "native" / suite.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(suite, jdk, jobs):
    """All of a suite's libraries. What does not compile is missing, and its tests do not pass on the host either."""
    tree, out = source.PLACE.absolute(), place(suite)
    includes = [f"{jdk}/include", f"{jdk}/include/linux", tree / "test/lib/native", tree / "test/lib/jdk/test/lib/jvmti",
                tree / "src/java.base/share/native/libjava", tree / "src/java.base/unix/native/libjava"]

    def one(file):
        library = out / f"{file.stem}.so"
        if not library.exists():
            subprocess.run([*COMPILERS[file.suffix], *FLAGS, *(f"-I{folder}" for folder in includes), str(file),
                            "-o", str(library), "-Wl,--as-needed", f"-L{jdk}/lib", "-ljava", "-lpthread", "-ldl"],
                           capture_output=True, check=False)

    # Those of vmTestbase need a library of their own, and its tests are not run.
    files = [file for pattern in ("lib*.c", "lib*.cpp") for file in sorted((tree / suite).rglob(pattern))
             if "vmTestbase" not in file.parts]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, files))
