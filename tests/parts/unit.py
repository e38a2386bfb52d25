# SPDX-License-Identifier: Apache-2.0
"""Unit tests on the host: one result a GoogleTest case, and the tests of the tests' own Python."""

import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile

from parts.process import run

BUILT = pathlib.Path("build/tests/unit")
TIMEOUT = 300


def run_one(source):
    """(name, problem or '') for each case of one test program."""
    name = str(source.relative_to("tests/unit").with_suffix(""))
    binary = BUILT / name
    if not binary.exists():
        return [(name, "was not built; `make unit-tests` says why")]
    if binary.stat().st_mtime < source.stat().st_mtime:
        return [(name, "is older than its source: it no longer builds; `make unit-tests` says why")]
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        env = dict(os.environ, GTEST_COLOR="no",
                   ASAN_OPTIONS="detect_stack_use_after_return=1", UBSAN_OPTIONS="print_stacktrace=1")
        outcome = run([str(binary), f"--gtest_output=json:{report.name}"], TIMEOUT, env=env)
        try:
            suites = json.load(open(report.name))["testsuites"]
        except (json.JSONDecodeError, KeyError):
            suites = []
    rows = []
    for suite in suites:
        for case in suite["testsuite"]:
            failures = "\n".join(f["failure"] for f in case.get("failures", []))
            rows.append((f"{name}: {suite['name']}.{case['name']}", failures))
    # A sanitizer's complaint or a leak ends the program without a failed case.
    if outcome.timed_out or (outcome.status != 0 and not any(problem for _, problem in rows)) or not rows:
        why = f"timed out after {TIMEOUT} s" if outcome.timed_out else f"ended with {outcome.status}"
        rows.append((name, f"{why}\n{outcome.text()}"))
    return rows


def python_tests(results, only):
    for source in sorted(pathlib.Path("tests/unit").rglob("*_test.py")):
        if only not in str(source):
            continue
        outcome = run([sys.executable, "-m", "unittest", str(source.relative_to("tests"))], TIMEOUT, cwd="tests")
        results.check(str(source.relative_to("tests/unit").with_suffix("")), "" if outcome.status == 0 else outcome.text())


def unit_tests(results, options):
    python_tests(results, options.only_case)
    sources = [s for s in sorted(pathlib.Path("tests/unit").rglob("*_test.cc")) if options.only_case in str(s)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for rows in pool.map(run_one, sources):
            for name, problem in rows:
                results.check(name, problem)
