# SPDX-License-Identifier: Apache-2.0
"""What happens where something runs out: memory (of every kind of holder), threads, mappings, descriptors, stack,
and time itself, when the VM is stopped and goes on.

Programs of tests/guest/c/limits.c and Limits.java. Where the host can be the oracle it is; what takes all of a
machine's memory runs in a VM only, and `expected` says what Linux without swap would say.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import tempfile

from parts.process import run
from system import jdks
from system.jvm_crash import JVM_OPTION, crash_report
from system.stops import clock_cases
from system.system import MOKA, base_environment, difference, missing_moka

C_PROGRAM = "build/tests/guest/limits"
CASES = "build/tests/system/cases.jar"
TIMEOUT = 400  # a machine with other work may be many times slower
BIG_FILE_MIB = 320


@dataclasses.dataclass(frozen=True)
class Limit:
    name: str
    words: tuple             # of the program
    memory: int              # MiB
    java: bool = False
    jvm: tuple = ()
    jdks: tuple = (17, 25)   # in make soak; make test takes the first
    expected: str = None     # standard output; None: the host's
    status: int = 0
    says: str = ""           # must stand on standard error
    soak_only: bool = False


ENDED_FOR_MEMORY = {"status": 137, "says": "out of memory (application: ", "expected": "begin\n"}
REFUSED_THREADS = "refused with EAGAIN after more than 500: 1\nall ended\n"

LIMITS = (
    Limit("memory that is touched", ("touch",), 128, **ENDED_FOR_MEMORY),
    Limit("memory that cannot be", ("large",), 256),
    Limit("10,000 threads", ("threads", "10000"), 1024),
    Limit("threads until one is refused", ("too-many-threads",), 96, expected=REFUSED_THREADS * 2),
    Limit("60,000 mappings", ("mappings",), 512),
    Limit("descriptors", ("descriptors",), 128),
    Limit("deep recursion", ("recursion",), 1024),
    Limit("java: heap beyond the machine", ("heap",), 192, True, ("-Xmx1g",), **ENDED_FOR_MEMORY),
    Limit("java: direct buffers", ("direct",), 256, True, ("-XX:MaxDirectMemorySize=32m",)),
    # The heap is all there before: what is left is the threads' to take, and not a collector's afterwards.
    Limit("java: threads until one is refused", ("too-many-threads",), 112, True,
          ("-Xlog:disable", "-Xms24m", "-Xmx24m", "-XX:+AlwaysPreTouch"), (25, 17),
          expected="refused after many: true, unable to create native thread\n" * 2 + "room again\nalive: 1048576\n"),
    Limit("java: files until memory is full", ("files",), 160, True, ("-Xmx48m",),
          expected="after much: true, No space left on device\n" * 2 + "alive: 1048576\n"),
    Limit("java: deep recursion", ("recursion",), 512, True, (), (25, 17)),
    Limit("java: descriptors", ("descriptors",), 192, True, ("-XX:-MaxFDLimit",), soak_only=True,
          expected="none refused\nroom again\nalive: 1048576\n"),
    Limit("java: 10,000 threads", ("threads", "10000"), 2048, True, soak_only=True),
)


def cases(options):
    """(title, limit, JDK or None)"""
    found = []
    for limit in LIMITS:
        if limit.soak_only and options.mode != "soak":
            continue
        for jdk in (limit.jdks if options.mode == "soak" else limit.jdks[:1]) if limit.java else (None,):
            title = f"{limit.name}, jdk {jdk}" if jdk else limit.name
            if options.only_case in title:
                found.append((title, limit, jdk))
    return found


def limits_seconds(options):
    return len(cases(options)) * 8 / options.jobs + 20


def check_limit(results, title, limit, jdk):
    if jdk and not jdks.find(jdk):
        results.skipped(title, jdks.reason_for_absence(jdk))
        return
    options = []
    host = [os.path.abspath(C_PROGRAM), *limit.words]
    program = [C_PROGRAM, *limit.words]
    if limit.java:
        program = ["-cp", CASES, "Limits", *limit.words]
        host = [f"{jdks.find(jdk)}/bin/java", *limit.jvm, *program]
        options = ["--jdk", jdks.find(jdk)]
        for option in (*limit.jvm, JVM_OPTION):
            options += ["-J", option]
    wanted = limit.expected.encode() if limit.expected is not None else run(host, TIMEOUT, env=base_environment()).stdout
    command = [MOKA, "run", "-c", "2", "-m", str(limit.memory), *options, *program]
    got = run(command, TIMEOUT, env=base_environment())
    problem = ""
    if got.timed_out:
        problem = f"no end within {TIMEOUT} s\n"
    elif got.status != limit.status:
        problem = f"status {got.status}, wanted {limit.status}\n"
    problem += difference("stdout", wanted, got.stdout)
    if limit.says and limit.says.encode() not in got.stderr:
        problem += f"standard error lacks {limit.says!r}\n"
    if problem:
        problem += " ".join(command) + "\nstderr: " + got.stderr.decode(errors="replace")[-2500:]
        problem = "\n".join([problem, *crash_report(got.stdout.decode(errors="replace").splitlines())])
    results.check(title, problem, got.seconds)


def page_cache(results):
    """A file larger than the machine's memory, read twice and mapped: what is cached gives way."""
    title = "page cache"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "big"
        with open(path, "wb") as file:
            for number in range(BIG_FILE_MIB):
                file.write(number.to_bytes(2, "little") * (1 << 19))
        wanted = run([os.path.abspath(C_PROGRAM), "page-cache", str(path)], TIMEOUT)
        command = [MOKA, "run", "-c", "2", "-m", "128", "--mount", f"{folder}:/data", C_PROGRAM, "page-cache", "/data/big"]
        got = run(command, TIMEOUT, env=base_environment())
    problem = "" if got.status == 0 else f"status {got.status}\n"
    problem += difference("stdout", wanted.stdout, got.stdout)
    results.check(title, problem and problem + got.text()[-1500:], got.seconds)


def limits(results, options):
    if missing_moka():
        results.failed("limits", missing_moka())
        return
    work = [lambda one=one: check_limit(results, *one) for one in cases(options)]
    if options.only_case in "page cache":
        work.append(lambda: page_cache(results))
    # First, since they wait most of the time.
    work = [lambda one=one: one(results) for one in clock_cases(options)] + work
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(one) for one in work]:
            done.result()
