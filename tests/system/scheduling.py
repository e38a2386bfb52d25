# SPDX-License-Identifier: Apache-2.0
"""What the scheduler makes of HotSpot's threads: by a program that uses their names, and by JVMs. It is read from the
scheduler's trace and from what the program's threads counted, never from times."""

import re

from parts.process import run
from system import jdks
from system.system import MOKA, base_environment, missing_moka

PROGRAM = "build/tests/guest/thread_classes"
HELLO = "build/java/hello.jar"
PATIENCE = 240
COUNTS = re.compile(rb"rounds (\d+) interrupted pause (\d+) ordinary (\d+) compiled 1\n")
# What a trace of the program and of a JVM must show.
PROGRAMS_TRACE = ("GC Thread#0 is of class pause", "C2 CompilerThre is of class compiler",
                  "C2 CompilerThre (compiler) is preempted, GC Thread#0 (pause) runs", "VM Periodic Tas wakes")
JVM_CLASSES = {"VM Thread": "pause", "GC Thread#0": "pause", "C1 CompilerThre": "compiler", "C2 CompilerThre": "compiler",
               "VM Periodic Tas": "periodic", "Monitor Deflati": "periodic"}


def counts(option):
    """(how the run failed or '', rounds, interrupted ones of a pause's worker, of an ordinary thread)"""
    env = base_environment() | {"MOKA_KERNEL_OPTIONS": option}
    got = run([MOKA, "run", "-c", "1", "-m", "256", PROGRAM], PATIENCE, env=env)
    found = COUNTS.fullmatch(got.stdout)
    if got.status != 0 or not found:
        return got.text()[-2000:] or "no output", 0, 0, 0
    return "", *map(int, found.groups())


def pauses_are_undisturbed():
    problem, rounds, pause, ordinary = counts("")
    # A host that stops the VM for long uses up a worker's credit: a few rounds may go wrong.
    if not problem and (pause > rounds // 3 or ordinary < rounds // 2):
        return f"of {rounds} rounds {pause} of a pause's worker were interrupted, {ordinary} of an ordinary thread's"
    return problem


def classes_can_be_ignored():
    problem, rounds, pause, ordinary = counts("mokapot.thread-classes=off")
    if not problem and (pause < rounds // 2 or ordinary < rounds // 2):
        return f"ignored, yet of {rounds} rounds only {pause} and {ordinary} were interrupted"
    return problem


def trace_shows_classes():
    got = run([MOKA, "run", "-c", "1", "-m", "256", "--trace", "scheduler", PROGRAM], PATIENCE, env=base_environment())
    lacking = [text for text in PROGRAMS_TRACE if text not in got.text()]
    return f"the trace lacks {lacking}\n{got.text()[-1500:]}" if lacking or got.status != 0 else ""


def jvms_threads_are_known(jdk):
    got = run([MOKA, "run", "-c", "2", "-m", "512", "--trace", "scheduler", "--jdk", jdks.find(jdk), "-J-XX:+UseG1GC", HELLO],
              PATIENCE, env=base_environment())
    lacking = [name for name, word in JVM_CLASSES.items() if f"scheduler: {name} is of class {word}" not in got.text()]
    return f"not known: {lacking}\n{got.text()[-1500:]}" if lacking or got.status != 0 else ""


CASES = {
    "a pause's worker is not interrupted": pauses_are_undisturbed,
    "thread classes can be ignored": classes_can_be_ignored,
    "the scheduler's trace": trace_shows_classes,
    "HotSpot's threads are known, jdk 17": lambda: jvms_threads_are_known(17),
    "HotSpot's threads are known, jdk 25": lambda: jvms_threads_are_known(25),
}


def scheduling(results, options):
    if missing_moka():
        results.failed("scheduling", missing_moka())
        return
    for name, judge in CASES.items():
        if options.only_case not in name:
            continue
        version = int(name.rpartition(" ")[2]) if "jdk" in name else None
        if version and jdks.find(version) is None:
            results.skipped(name, jdks.reason_for_absence(version))
        else:
            results.check(name, judge())
