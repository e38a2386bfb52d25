# SPDX-License-Identifier: Apache-2.0
"""Software by others from Maven Central, each with a small driver (java/): what it says in a VM must be, to the byte,
what it says on the host under the same JDK.

`make test` runs each for a short time with one JDK in turn; `make conformance` runs all of it with both."""

import concurrent.futures
import dataclasses
import pathlib
import shutil
import subprocess
import tempfile
import time

from conformance.jcstress import suite as jcstress
from parts.process import run
from system import artifacts, jdks
from system.jvm_crash import JVM_OPTION, crash_report
from system.system import MOKA, base_environment, difference, missing_moka

HERE = pathlib.Path(__file__).parent
PLACE = pathlib.Path("build/tests/conformance")
LIBRARIES = artifacts.Artifacts(str(HERE / "pom.xml"), artifacts.PLACE / "conformance",
                                artifacts.read_sums(HERE / "checksums.txt"))
SOURCES = "lucene-core-9.12.3-sources.jar"
TIMEOUT = {"test": 400, "soak": 3000}
JDKS = (17, 25)


@dataclasses.dataclass(frozen=True)
class Case:
    title: str
    main: str
    short: tuple          # arguments in `make test`
    long: tuple           # and in `make conformance` and `make soak`
    folder: bool = False  # the last argument is a folder of its own
    jvm: tuple = ()
    cpus: tuple = (2,)    # in the long form
    memory: int = 768


CASES = (
    Case("Snappy, LZ4, Zstandard by JNI", "Compression", ("3",), ("60",), cpus=(1, 2, 4)),
    Case("H2", "Database", ("600", "FOLDER"), ("60000", "FOLDER"), folder=True, cpus=(1, 2)),
    Case("Lucene", "TextSearch", ("100", "FOLDER"), ("6000", "FOLDER"), folder=True, cpus=(1, 2)),
    Case("RocksDB by JNI", "KeyValue", ("5000", "FOLDER"), ("200000", "FOLDER"), folder=True, cpus=(1, 2, 4)),
    Case("JNA", "NativeCalls", (), ()),
    Case("javac", "Compiler", (SOURCES, "FOLDER", "org/apache/lucene/util/automaton"), (SOURCES, "FOLDER"), folder=True,
         cpus=(1, 2), memory=1536),
    Case("JMH", "bench.Benchmarks", ("20",), ("500",), cpus=(1, 2, 4)),
)


def build():
    shutil.rmtree(PLACE, ignore_errors=True)
    LIBRARIES.link(PLACE / "lib")
    sources = sorted(map(str, (HERE / "java").rglob("*.java")))
    subprocess.run(["javac", "--release", "17", "-Xlint:all,-processing,-options,-classfile", "-Werror",
                    "-cp", f"{PLACE}/lib/*", "-d", str(PLACE / "classes"), *sources], check=True)


def words(case, arguments, folder):
    place = {"FOLDER": folder, SOURCES: f"lib/{SOURCES}"}
    return [*case.jvm, "-cp", "classes:lib/*", case.main, *(place.get(word, word) for word in arguments)]


def on_host(case, jdk, arguments, timeout):
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        return run([f"{jdk}/bin/java", *words(case, arguments, folder)], timeout, env=base_environment(), cwd=PLACE)


def in_vm(case, jdk, arguments, timeout, cpus):
    moka = pathlib.Path(MOKA).absolute()
    jvm = [word for option in (JVM_OPTION, *case.jvm) for word in ("-J", option)]
    # The jars that a class path with a star names come along only if somebody names them; the folder brings all.
    return run([str(moka), "run", "--jdk", jdk, "-c", str(cpus), "-m", str(case.memory), "--dir", ".", *jvm,
                *words(dataclasses.replace(case, jvm=()), arguments, "/tmp/conformance")], timeout, env=base_environment(), cwd=PLACE)


def judge(case, jdk, arguments, timeout, cpus):
    host = on_host(case, jdk, arguments, timeout)
    if host.status != 0 or not host.stdout:
        return f"the host itself ended with {host.status}:\n{host.text()[-3000:]}"
    got = in_vm(case, jdk, arguments, timeout, cpus)
    problem = f"no end within {timeout} s\n" if got.timed_out else "" if got.status == 0 else f"status {got.status}\n"
    problem += difference("stdout", host.stdout, got.stdout)
    if problem:
        problem += got.stderr.decode(errors="replace")[-3000:]
        problem = "\n".join([problem, *crash_report(got.stdout.decode(errors="replace").splitlines())])
    return problem


def rows(options):
    """(case, jdk, arguments, cpus): in test mode each case once, with the JDKs in turn."""
    found = []
    for number, case in enumerate(CASES):
        if options.only_case not in case.title:
            continue
        if options.mode == "test":
            found.append((case, JDKS[number % len(JDKS)], case.short, 2))
        else:
            found += [(case, jdk, case.long, cpus) for jdk in JDKS for cpus in case.cpus]
    return found


def seconds(options):
    """About how long it takes on two cores that do nothing else."""
    return 120 if options.mode == "test" else len(rows(options)) * 150 + jcstress.SECONDS_OF_A_LONG_ROW * 4


def conformance(results, options):
    if missing_moka():
        results.failed("conformance", missing_moka())
        return
    reason = "" if shutil.which("javac") else "there is no javac"
    reason = reason or LIBRARIES.fetch()
    if reason:
        results.skipped("conformance", reason)
        return
    build()

    def one(row):
        case, jdk, arguments, cpus = row
        title = f"{case.title}, jdk {jdk}, {cpus} cpu"
        if jdks.find(jdk) is None:
            results.skipped(title, jdks.reason_for_absence(jdk))
            return
        start = time.monotonic()
        results.check(title, judge(case, jdks.find(jdk), arguments, TIMEOUT[options.mode], cpus), time.monotonic() - start)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, rows(options)))
    jcstress.jcstress(results, options)  # alone: its tests count what two CPUs do at the same moment
