# SPDX-License-Identifier: Apache-2.0
"""OpenJDK's jcstress: the harness runs on the host, and each JVM that it starts for a test is a VM (java.py stands in
the place of `java`). One result a test, over all its combinations of compilers."""

import os
import pathlib
import re
import shutil
import time

from conformance.jcstress.verdicts import judge, tally
from conformance.jdk_of_links import make_jdk
from parts.process import run
from system import artifacts, jdks
from system.system import MOKA, base_environment

HERE = pathlib.Path(__file__).parent
PLACE = pathlib.Path("build/tests/jcstress")
LIBRARIES = artifacts.Artifacts(str(HERE / "pom.xml"), artifacts.PLACE / "jcstress", artifacts.read_sums(HERE / "checksums.txt"))
MAIN = "org.openjdk.jcstress.Main"
TIMEOUT = {"test": 600, "soak": 5400}
SECONDS_OF_A_LONG_ROW = 1500

# A test and one compiler for all its threads, and all tests with every pair of compilers.
SHORT = ("-t", "JMMSample_05_TotalOrder.VolatileDekker", "-sc", "false")
LONG = ()


def harness(place, jdk, words, cpus, timeout):
    jars = os.pathsep.join(str((LIBRARIES.place / name).absolute()) for name in LIBRARIES.sums)
    env = base_environment() | {"JCSTRESS_MOKA": os.path.abspath(MOKA), "JCSTRESS_JDK": str(jdk), "JCSTRESS_CPUS": str(cpus)}
    return run([f"{jdk}/bin/java", f"-Djava.home={(place / 'jdk').absolute()}", "-cp", jars, MAIN, *words], timeout,
               env=env, cwd=place)


def jcstress(results, options):
    """The rows of `make conformance`; called from the suite of that part."""
    rows = [(17, 2)] if options.mode == "test" else [(jdk, cpus) for jdk in (17, 25) for cpus in (2, 4)]
    words = SHORT if options.mode == "test" else LONG
    for feature, cpus in rows:
        title = f"jcstress, jdk {feature}, {cpus} cpu"
        if options.only_case not in title:
            continue
        jdk = jdks.find(feature)
        reason = jdks.reason_for_absence(feature) if jdk is None else LIBRARIES.fetch()
        if reason:
            results.skipped(title, reason)
            continue
        place = PLACE / f"{feature}-{cpus}"
        shutil.rmtree(place, ignore_errors=True)
        make_jdk(place / "jdk", jdk, HERE / "java.py")
        begin = time.monotonic()
        tests = re.findall(r"^org\.openjdk\.\S+$", harness(place, jdk, ["-l", *words], cpus, 300).text(), re.MULTILINE)
        got = harness(place, jdk, ["-v", "-m", "quick", "-c", str(cpus), *words], cpus, TIMEOUT[options.mode])
        (place / "output.txt").write_text(got.text())
        found = tally(got.text())
        if got.timed_out or not found:
            results.failed(title, f"status {got.status}{', time limit' if got.timed_out else ''}:\n{got.text()[-3000:]}")
            continue
        each = (time.monotonic() - begin) / len(tests)
        for test in tests:
            results.check(f"{title}: {test.removeprefix('org.openjdk.jcstress.')}", judge(found[test]), each)
