# SPDX-License-Identifier: Apache-2.0
"""HotSpot's collectors with the settings that change how they use memory, as tests/system/collectors.csv has them.

Each runs work whose result does not depend on the collector (CollectorChurn.java), so one run on the host is
the oracle for all. A warning of the JVM is a difference, and the program says what did not take effect.
"""

import concurrent.futures
import csv
import dataclasses
import itertools

from parts.process import run
from system import jdks
from system.jvm_crash import JVM_OPTION, crash_report
from system.system import MOKA, base_environment, difference, missing_moka

MATRIX = "tests/system/collectors.csv"
CASES = "build/tests/system/cases.jar"
HEAP = 192         # MiB
EPSILON_HEAP = 640  # all that is allocated
SIZE = 16
SOAK_SECONDS = 1800  # of all runs together
RUN_SECONDS = 7      # that one round takes with everything around it, on two cores that do nothing else
TIMEOUT = 300


@dataclasses.dataclass(frozen=True)
class Setting:
    options: tuple = ()   # of the JVM
    words: tuple = ()     # for the program: what must be so
    initial: bool = False  # the heap begins as large as it may become


# What makes a collector give back a heap that has become empty. Parallel has no such option.
UNCOMMIT = {
    "Serial": ("-XX:MinHeapFreeRatio=5", "-XX:MaxHeapFreeRatio=10", "-XX:-ShrinkHeapInSteps"),
    "G1": ("-XX:MinHeapFreeRatio=5", "-XX:MaxHeapFreeRatio=10", "-XX:G1PeriodicGCInterval=1000"),
    "Z": ("-XX:ZUncommitDelay=1",),
    "Shenandoah": ("-XX:ShenandoahUncommitDelay=500", "-XX:ShenandoahGuaranteedGCInterval=1000"),
}
SETTINGS = {
    "plain": Setting(),
    "fixed": Setting(initial=True),
    "uncommit": Setting(words=("uncommit",)),
    "touched": Setting(("-XX:+AlwaysPreTouch",), ("AlwaysPreTouch=true", "touched"), initial=True),
    "transparent": Setting(("-XX:+UseTransparentHugePages",), ("UseTransparentHugePages=true", "huge")),
    "large": Setting(("-XX:+UseLargePages",), ("UseLargePages=true", "UseTransparentHugePages=false", "huge")),
    # Of 17 only: large pages from System V segments.
    "segments": Setting(("-XX:+UseLargePages", "-XX:+UseSHM"), ("UseSHM=true", "huge")),
    "wide": Setting(("-XX:-UseCompressedOops",), ("UseCompressedOops=false",)),
    # On one node HotSpot switches it off again, without a word.
    "numa": Setting(("-XX:+UseNUMA",)),
}


def cases(options):
    """(collector, jdk, setting) of the mode, in the file's order, each once."""
    seen = {}
    with open(MATRIX, newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            if row["when"] == "fast" or options.mode == "soak":
                for key in itertools.product(row["collector"].split("+"), row["jdk"].split("+"),
                                             row["settings"].split("+")):
                    seen.setdefault(key, None)
    return [key for key in seen if options.only_case in name_of(key)]


def name_of(key):
    collector, jdk, setting = key
    return f"{collector}, jdk {jdk}, {setting}"


def seconds_each(options, runs):
    """How long the program is to go on in one run."""
    if options.mode != "soak" or runs == 0:
        return 0
    return max(0, SOAK_SECONDS * options.jobs // runs - RUN_SECONDS)


def collectors_seconds(options):
    runs = len(cases(options))
    return runs * (RUN_SECONDS + seconds_each(options, runs)) / options.jobs


def command_of(key, seconds):
    collector, jdk, name = key
    setting = SETTINGS[name]
    heap = EPSILON_HEAP if collector == "Epsilon" else HEAP
    options = ["-XX:+UnlockExperimentalVMOptions", f"-XX:+Use{collector}GC", f"-Xmx{heap}m",
               f"-Xms{heap if setting.initial else 16}m", *setting.options, JVM_OPTION]
    words = [f"Use{collector}GC=true", *setting.words]
    if collector == "Epsilon":
        words.append("nogc")
        options.append("-Xlog:gc+init=error")  # it always warns of an initial size or of memory that is not touched
    if name == "uncommit":
        options += UNCOMMIT[collector]
    # HotSpot wants its code cache, 240 MiB, in large pages as well.
    memory = heap + (768 if name in ("large", "transparent", "segments") else 384)
    command = [MOKA, "run", "-c", "2", "-m", str(memory), "--jdk", jdks.find(int(jdk))]
    for option in options:
        command += ["-J", option]
    return [*command, "-cp", CASES, "CollectorChurn", "0" if collector == "Epsilon" else str(seconds), str(SIZE), *words]


def has_collector(collector, jdk):
    got = run([f"{jdks.find(int(jdk))}/bin/java", "-XX:+UnlockExperimentalVMOptions", f"-XX:+Use{collector}GC", "-version"],
              60)
    return got.status == 0


def expected(jdk, words):
    return run([f"{jdks.find(int(jdk))}/bin/java", f"-Xmx{HEAP}m", "-cp", CASES, "CollectorChurn", "0", str(SIZE), *words],
               TIMEOUT, env=base_environment())


def collectors(results, options):
    if missing_moka():
        results.failed("collectors", missing_moka())
        return
    keys = cases(options)
    seconds = seconds_each(options, len(keys))
    oracle = {}
    for jdk in sorted({jdk for _, jdk, _ in keys}):
        if jdks.find(int(jdk)):
            oracle[jdk, False] = expected(jdk, [])
            oracle[jdk, True] = expected(jdk, ["nogc"])

    def one(key):
        collector, jdk, _ = key
        if jdks.find(int(jdk)) is None:
            results.skipped(name_of(key), jdks.reason_for_absence(int(jdk)))
            return
        if not has_collector(collector, jdk):
            results.skipped(name_of(key), f"this build of JDK {jdk} has no {collector}")
            return
        command = command_of(key, seconds)
        got = run(command, seconds + TIMEOUT, env=base_environment())
        wanted = oracle[jdk, collector == "Epsilon"]
        problem = ""
        if got.timed_out:
            problem = f"no end within {seconds + TIMEOUT} s\n"
        elif got.status != 0:
            problem = f"status {got.status}\n"
        problem += difference("stdout", wanted.stdout, got.stdout)
        if problem:
            problem += " ".join(command) + "\nstderr: " + got.stderr.decode(errors="replace")[-2500:]
            problem = "\n".join([problem, *crash_report(got.stdout.decode(errors="replace").splitlines())])
        results.check(name_of(key), problem, got.seconds)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, keys))
