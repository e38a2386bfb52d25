# SPDX-License-Identifier: Apache-2.0
"""jtreg, which runs OpenJDK's tests: on the host it compiles, and starts the JVMs that run tests by java.py. Most tests
of a side share JVMs, as jtreg's own documentation recommends; those that say so have one of their own."""

import dataclasses
import json
import pathlib
import re
import shutil

from conformance.jdk_of_links import make_jdk
from conformance.openjdk import native, source
from parts.process import run
from system.system import MOKA, base_environment

HERE = pathlib.Path(__file__).parent
PLACE = pathlib.Path("build/tests/openjdk")
INSTALLED = pathlib.Path("/usr/share/jtreg/lib")
ONE_PROCESS = pathlib.Path("build/tests/jars/one_process")
SUITES = ("test/jdk", "test/hotspot/jtreg")
CPUS = 2
MEMORY = 2048  # MiB of a VM, whose test may ask for more
# Tests' own time limits are made for machines that do not emulate.
TIMEOUT_FACTOR = 8
LONGEST = 300  # seconds that a test may claim for itself, before that factor
KEYWORDS = "!headful&!sound&!printer&!multimon"


@dataclasses.dataclass(frozen=True)
class Outcome:
    passed: bool
    detail: str


def reason_for_absence():
    """'' where there is a jtreg that can run the tests."""
    return "" if (INSTALLED / "jtreg.jar").exists() else "jtreg is not installed (Debian: jtreg7)"


def lay_out(jdk):
    """A fresh work folder. All that a VM must see is there and with the tests' sources: two folders are shared with it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    place = PLACE.absolute()
    shutil.copytree(INSTALLED, place / "jtreg/lib")  # links to elsewhere become files
    how = {"jdk": str(jdk)}
    sides = {"host": how | {"one_process": str(ONE_PROCESS.absolute())},
             "vm": how | {"moka": str(pathlib.Path(MOKA).absolute()), "cpus": CPUS, "memory": MEMORY,
                          "folders": [str(place), str(source.PLACE.absolute())]}}
    for side, words in sides.items():
        make_jdk(place / side / "jdk", jdk, HERE / "java.py")
        (place / side / "jdk/how.json").write_text(json.dumps(words))


def record_of(work, test):
    """Where jtreg writes what a test did: a.java is a.jtr, and a.java#id0 is a_id0.jtr."""
    name, _, part = test.partition("#")
    return work / (str(pathlib.PurePath(name).with_suffix("")) + (f"_{part}" if part else "") + ".jtr")


def tell(work, test):
    """What a test that did not pass said."""
    try:
        text = record_of(work, test).read_text(errors="replace")
    except OSError as problem:
        return f"jtreg left no record: {problem}"
    status = re.search(r"^execStatus=(.*)$", text, re.MULTILINE)
    said = text.partition("#section:main")[2] or text
    # What it was started with is long, and the same for all.
    said = re.sub(r"^----------(?:rerun|configuration):.*?(?=^(?:----------|result:|#section))", "", said, flags=re.MULTILINE | re.DOTALL)
    return said + (f"\n{status[1]}" if status else "")


def play(side, suite, tests, excluded, jdk, jobs, timeout):
    """({test: Outcome} of those of `suite` that were run, what was wrong with jtreg). `tests` are below the suite."""
    place = PLACE.absolute()
    root = source.PLACE.absolute() / suite
    work = place / side / suite.replace("/", "-")
    work.mkdir(parents=True)
    exclusions = work / "excluded.txt"
    exclusions.write_text("".join(f"{test} 0 generic-all\n" for test in excluded))
    command = [f"{jdk}/bin/java", "-jar", str(place / "jtreg/lib/jtreg.jar"), "-agentvm", f"-jdk:{place / side / 'jdk'}",
               f"-compilejdk:{jdk}", f"-w:{work / 'work'}", f"-r:{work / 'report'}", "-nr", "-v1", "-automatic", "-noshell",
               "-ignore:quiet", f"-timeoutFactor:{TIMEOUT_FACTOR}", f"-timelimit:{LONGEST}", f"-concurrency:{jobs}",
               "--pool-idle-timeout", "600", f"-k:{KEYWORDS}", f"-exclude:{exclusions}",
               f"-nativepath:{native.place(suite)}", *(str(root / test) for test in tests)]
    got = run(command, timeout, env=base_environment(), cwd=work)
    (work / "output.txt").write_text(got.text())
    found = {}
    for word, test in re.findall(r"^(Passed|FAILED|Error): +(\S+)$", got.text(), re.MULTILINE):
        passed = word == "Passed"
        found[test] = Outcome(passed, "" if passed else tell(work / "work", test))
    if got.timed_out or not found:
        return found, f"jtreg {'did not end in time' if got.timed_out else f'ended with {got.status}'}:\n{got.text()[-3000:]}"
    return found, ""
