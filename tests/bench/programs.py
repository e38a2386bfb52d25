# SPDX-License-Identifier: Apache-2.0
"""Builds what runs in the guests. Nothing here takes long, so it is built anew each time."""

import dataclasses
import os
import pathlib
import random
import shutil
import subprocess

from system import artifacts

HERE = pathlib.Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


class Unavailable(Exception):
    """What a benchmark needs cannot be had here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Paths:
    micro: pathlib.Path
    first: pathlib.Path
    empty: pathlib.Path
    init: pathlib.Path
    tsc_khz: pathlib.Path
    jar: pathlib.Path
    hello_jar: pathlib.Path
    echo: pathlib.Path
    idle_connections: pathlib.Path
    load: pathlib.Path
    tomcat: pathlib.Path     # a folder to be given to --dir


def build_tomcat(out):
    """The program, its libraries and a file to be served; Unavailable where Tomcat cannot be fetched."""
    reason = artifacts.TOMCAT.fetch()
    if reason:
        raise Unavailable(reason)
    sources = sorted(map(str, (HERE / "programs" / "tomcat").glob("*.java")))
    shutil.rmtree(out, ignore_errors=True)
    artifacts.TOMCAT.link(out / "lib", artifacts.EMBEDDED)
    subprocess.run(["javac", "--release", "17", "-proc:none", "-cp", f"{out}/lib/*", "-d", str(out / "classes"), *sources],
                   check=True)
    # An archive of classes takes jars only.
    subprocess.run(["jar", "--create", "--date=2020-01-01T00:00:00Z", "--file", str(out / "tomcat.jar"), "-C", str(out / "classes"), "."],
                   check=True)
    (out / "static").mkdir()
    (out / "static" / "mebibyte.bin").write_bytes(random.Random(1).randbytes(1 << 20))
    return out.absolute()


def changed(path, command, write):
    """Runs `command` with `write` as its output and puts that in `path`'s place where it differs: an
    unchanged program keeps its time, and with it moka's cached image."""
    subprocess.run(command, check=True)
    if path.exists() and path.read_bytes() == write.read_bytes():
        write.unlink()
    else:
        os.replace(write, path)


def build(out, hello_jar):
    out.mkdir(parents=True, exist_ok=True)
    bare = ["-static", "-nostdlib", "-fcf-protection=none", "-fno-stack-protector", "-Wl,--build-id=none"]
    source = HERE / "programs"

    def compile_one(name, command):
        path, new = out / name, out / f"{name}.new"
        changed(path, [*command, "-o", str(new)], new)
        return path

    micro = compile_one("micro", ["gcc", "-std=gnu11", "-O2", "-static", "-pthread", *WARNINGS, str(source / "micro.c")])
    first = compile_one("first", ["gcc", "-O2", *bare, *WARNINGS, str(source / "first.c")])
    empty = compile_one("empty_kernel", ["gcc", *bare, "-Wl,-n,-Ttext=0x100000", str(source / "empty_kernel.S")])
    threads = ["gcc", "-std=gnu11", "-O2", "-static", "-pthread", *WARNINGS]
    echo = compile_one("echo", [*threads, str(source / "echo.c")])
    idle = compile_one("idle_connections", [*threads, str(source / "idle_connections.c")])
    load = compile_one("load", ["gcc", "-std=gnu11", "-O2", *WARNINGS, str(source / "load.c")])
    init = compile_one("init", ["musl-gcc", "-std=gnu11", "-Os", "-static", *WARNINGS, str(HERE / "linux" / "init.c")])
    tsc = compile_one("tsc_khz", ["gcc", "-O2", *WARNINGS, str(source / "tsc_khz.c")])

    classes, jar, new = out / "classes", out / "bench.jar", out / "bench.jar.new"
    mix = HERE.parents[1] / "java" / "bench" / "src" / "main" / "java"
    sources = sorted(map(str, [*(source / "java").glob("*.java"), *mix.rglob("*.java")]))
    subprocess.run(["javac", "--release", "17", "-Xlint:all,-options", "-Werror", "-d", str(classes), *sources], check=True)
    changed(jar, ["jar", "--create", "--date=2020-01-01T00:00:00Z", "--file", str(new), "-C", str(classes), "."], new)
    return Paths(micro, first, empty, init, tsc, jar, pathlib.Path(hello_jar).resolve(), echo, idle, load,
                 build_tomcat(out / "tomcat"))
