# SPDX-License-Identifier: Apache-2.0
"""Those of OpenJDK's HotSpot tests that are programs in C which make a JVM by JNI: chains of signal handlers, guard pages
and sizes of stacks, registers. Their Java halves start them as processes; here they are started as their Java halves
would, on the host and in VMs, and must end equally."""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess

from conformance.openjdk import source
from parts.process import run
from system.jvm_crash import crash_report
from system.system import MOKA, base_environment

RUNTIME = "test/hotspot/jtreg/runtime"
FLAGS = ("-w", "-O0", "-D_GNU_SOURCE", "-DLINUX")
TIMEOUT = 300
MEMORY = 512
MODES = ("sigset", "sigaction")
SCENARIOS = ("nojvm", "prepre", "prepost", "postpre", "postpost")


@dataclasses.dataclass(frozen=True)
class Launch:
    source: str             # of the program, below RUNTIME
    words: tuple = ()
    java: str = ""          # the class that it calls, below RUNTIME
    preload: str = ""       # a library of the JDK

    @property
    def program(self):
        return pathlib.PurePath(self.source).stem


def launches():
    """{title: [Launch]}"""
    found = {
        "StackGap": [Launch("StackGap/exestack-gap.c", words, "StackGap/T.java")
                     for words in ((), ("-XX:+DisablePrimordialThreadGuardPages",))],
        "TLS": [Launch("TLS/exestack-tls.c", ("-add_tls",), "TLS/T.java")],
        "StackGuardPages": [Launch("StackGuardPages/exeinvoke.c", (f"test_{kind}_overflow{thread}",),
                                   "StackGuardPages/DoOverflow.java")
                            for kind in ("java", "native") for thread in ("", "_initial")],
        "jni/CalleeSavedRegisters": [Launch("jni/CalleeSavedRegisters/exeFPRegs.c", ("LIBJVM",))],
        "jni/getCreatedJavaVMs": [Launch("jni/getCreatedJavaVMs/exeGetCreatedJavaVMs.c")],
    }
    for test in sorted((source.PLACE / RUNTIME / "signal").glob("Test*.java")):
        words = re.search(r"@run main/native SigTestDriver\s+(\S+)([^\n]*)", test.read_text())
        # What its driver leaves out: nobody can catch them, or HotSpot needs them.
        if words[1] in ("SIGWAITING", "SIGKILL", "SIGSTOP", "SIGUSR2"):
            continue
        found[f"signal/{test.stem}"] = [
            Launch("signal/exesigtest.c", ("-sig", words[1], "-mode", mode, "-scenario", scenario, *words[2].split()),
                   preload="libjsig.so" if scenario.startswith("post") else "")
            for mode in MODES for scenario in SCENARIOS]
    return found


def build(wanted, jdk, place):
    tree = source.PLACE.absolute()
    includes = [f"{jdk}/include", f"{jdk}/include/linux", tree / "src/hotspot/share/include",
                tree / "src/hotspot/os/posix/include"]
    place.mkdir(parents=True)
    for launch in {launch.program: launch for launch in wanted}.values():
        subprocess.run(["gcc", *FLAGS, *(f"-I{folder}" for folder in includes), str(tree / RUNTIME / launch.source), "-o",
                        str(place / launch.program), f"-L{jdk}/lib/server", "-ljvm", f"-Wl,-rpath,{jdk}/lib/server",
                        "-lpthread", "-ldl"], check=True, capture_output=True)
        if launch.java:
            subprocess.run(["javac", "-nowarn", "-d", str(place / launch.program) + ".classes",
                            str(tree / RUNTIME / launch.java)], check=True, capture_output=True)


def environment(launch, jdk, place):
    """Of the program alone."""
    names = {"CLASSPATH": str(place / launch.program) + ".classes"} if launch.java else {}
    return names | ({"LD_PRELOAD": f"{jdk}/lib/{launch.preload}"} if launch.preload else {})


def said(launch, got):
    """What must be equal: of the signals' program its words, too, of which some lines are about the machine."""
    lines = got.stdout.decode(errors="replace").splitlines() if launch.program == "exesigtest" else []
    return [line for line in lines if not line.startswith("-XX:") and "VM warning" not in line] + [f"status {got.status}"]


def judge(launch, jdk, place):
    """'' or what went wrong."""
    words = [f"{jdk}/lib/server/libjvm.so" if word == "LIBJVM" else word for word in launch.words]
    program, own = [str(place / launch.program), *words], environment(launch, jdk, place)
    host = run(program, TIMEOUT, env=base_environment() | own)
    folders = [str(place), os.path.realpath(jdk), "/etc/java-17-openjdk"]
    mounts = [word for folder in folders if os.path.isdir(folder) for word in ("--mount", f"{folder}:{folder}:ro")]
    command = [MOKA, "run", "-c", "2", "-m", str(MEMORY), "--artifacts", "none", *mounts,
               *(word for name, value in own.items() for word in ("-e", f"{name}={value}")), *program]
    got = run(command, TIMEOUT, env=base_environment())
    if host.status != 0:
        return f"on the host: status {host.status}\n{host.text()[-1500:]}"
    if not got.timed_out and said(launch, host) == said(launch, got):
        return ""
    problem = f"{' '.join(command)}\n{'no end in time, ' if got.timed_out else ''}{said(launch, got)}\n" \
              f"wanted: {said(launch, host)}\n{got.text()[-3000:]}"
    return "\n".join([problem, *crash_report(got.stdout.decode(errors="replace").splitlines())])


def launchers(results, title, jdk, place, only, jobs):
    """One result a test, of all its runs."""
    wanted = {name: runs for name, runs in launches().items() if only in f"{RUNTIME}/{name}"}
    if not wanted:
        return
    place = place.absolute() / "launchers"
    build([launch for runs in wanted.values() for launch in runs], jdk, place)

    def one(name):
        results.check(f"{title}: {RUNTIME}/{name}", "".join(judge(launch, jdk, place) for launch in wanted[name]))

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, wanted))
