# SPDX-License-Identifier: Apache-2.0
"""OpenJDK's own regression tests: what passes on a host that starts no second process passes in a VM.

The tests of lists/short.txt are in `make test`, those of lists/long.txt in `make conformance` and `make soak`.
lists/differences.csv names those that pass on such a host and cannot in a VM, with the reason."""

import csv
import pathlib
import re
import shutil

from conformance.openjdk import harness, launchers, native, source
from system import jdks
from system.system import missing_moka

LISTS = pathlib.Path(__file__).parent / "lists"
TIMEOUT = {"test": 1500, "soak": 6 * 3600}
SECONDS = {"test": 20, "soak": 4800}
# Their business is a second process; on the host they would be run for nothing.
STARTS_PROCESSES = re.compile(r"ProcessTools\.(?:execute|create|start)|ProcessBuilder|\.exec\(|JDKToolLauncher|CDSTestUtils"
                              r"|JavaVM\b|RMID?\.(?:start|create)|TestVMProcess|ForkedTest|createJavaProcess")


def split(path, name):
    """(suite, test) of a path in OpenJDK's tree."""
    for suite in harness.SUITES:
        if path.startswith(f"{suite}/"):
            return suite, path.removeprefix(f"{suite}/")
    raise ValueError(f"{LISTS / name}: {path} is below none of {', '.join(harness.SUITES)}")


def listed(name, only):
    """{suite: [tests]} of a list, in which each line that is no comment is a test or a folder of tests."""
    found = {}
    for line in (LISTS / name).read_text().splitlines():
        if line and not line.startswith("#"):
            suite, test = split(line, name)
            found.setdefault(suite, []).append(test)
    chosen = {suite: [test for line in lines for test in chosen_of(suite, line, only)] for suite, lines in found.items()}
    return {suite: tests for suite, tests in chosen.items() if tests}


def chosen_of(suite, line, only):
    """A line of a list where --case is a part of it; what --case names where that is below the line."""
    below = only.removeprefix(f"{suite}/")
    if only in f"{suite}/{line}":
        return [line]
    return [below] if covers(line, below) and (source.PLACE / suite / below.partition("#")[0]).exists() else []


def differences():
    """{suite: {test: reason}}"""
    found = {suite: {} for suite in harness.SUITES}
    with open(LISTS / "differences.csv", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            suite, test = split(row["test"], "differences.csv")
            found[suite][test] = row["reason"]
    return found


def covers(listed, test):
    """Whether a line of a list, a file or a folder, brings the test."""
    return test == listed or test.partition("#")[0] == listed or test.startswith(f"{listed}/")


def starting_processes(suite, tests):
    """Files of tests that start processes."""
    root = source.PLACE / suite
    for test in tests:
        files = [root / test] if (root / test).is_file() else sorted((root / test).rglob("*.java"))
        for file in files:
            text = file.read_text(errors="replace")
            if "@test" in text and STARTS_PROCESSES.search(text):
                yield str(file.relative_to(root))


def openjdk(results, options):
    title = f"OpenJDK's tests, jdk {source.FEATURE}"
    if missing_moka() or not harness.ONE_PROCESS.exists():
        results.failed(title, missing_moka() or f"{harness.ONE_PROCESS} was not built; `make test-programs` says why")
        return
    jdk = jdks.find(source.FEATURE)
    reason = jdks.reason_for_absence(source.FEATURE) if jdk is None else "" if shutil.which("javac") else "there is no javac"
    reason = reason or harness.reason_for_absence() or source.fetch()
    if reason:
        results.skipped(title, reason)
        return
    long = options.mode == "soak"
    harness.lay_out(jdk)
    for suite, tests in listed("long.txt" if long else "short.txt", options.only_case).items():
        if long:
            native.build(suite, jdk, options.jobs)
        one_suite(results, f"{title}: {suite}", suite, tests, jdk, options)
    if long:
        launchers.launchers(results, title, jdk, harness.PLACE, options.only_case, options.jobs)


def one_suite(results, title, suite, tests, jdk, options):
    known = differences()[suite]
    excluded = {test: "starts a second process" for test in starting_processes(suite, tests)}
    excluded |= {test: reason for test, reason in known.items() if any(covers(line, test) for line in tests)}
    for test, reason in excluded.items():
        results.skipped(f"{title}/{test}", reason)
    host, problem = harness.play("host", suite, tests, excluded, jdk, options.jobs, TIMEOUT[options.mode])
    if problem:
        results.failed(f"{title} on the host", problem)
    passing = [test for test, outcome in host.items() if outcome.passed]
    for test in host.keys() - set(passing):
        results.skipped(f"{title}/{test}", "does not pass on a host that starts no second process")
    if not passing:
        return
    guest, problem = harness.play("vm", suite, passing, (), jdk, options.jobs, TIMEOUT[options.mode])
    if problem:
        results.failed(f"{title} in VMs", problem)
    for test in passing:
        outcome = guest.get(test, harness.Outcome(False, "jtreg did not come to it"))
        results.check(f"{title}/{test}", "" if outcome.passed else outcome.detail)


def seconds(options):
    return SECONDS[options.mode]
