# SPDX-License-Identifier: Apache-2.0
"""The programs that tests/system/matrix.csv names: what runs, what is fed to it, what is expected.

The oracle is the host: the same program, arguments and input run there first (with the same JDK), and
standard output, error where asked, and status must be the same in the VM. `expect` replaces the host
where it cannot be the oracle; `differs` says why.
"""

import dataclasses
import pathlib
import signal

GUEST = "build/tests/guest"
JARS = "build/tests/system"


@dataclasses.dataclass(frozen=True)
class Program:
    words: tuple                    # jar, -cp PATH Main or ELF file, then its arguments
    java: bool = True
    jvm: tuple = ()                 # JVM options
    stdin: bytes = b""
    env: tuple = ()                 # NAME=VALUE
    signals: tuple = ()             # ((text to wait for on stdout, signal number), ...)
    files: tuple = ()               # ((name, bytes), ...) in the folder where it starts, which comes with it (--dir)
    compare_stderr: bool = False
    stdout_has: tuple = ()          # instead of equality: each must occur on stdout
    expect_status: int = None       # None: the host's
    expect_stdout: str = None       # None: the host's
    stderr_has: tuple = ()
    host_too: bool = True
    alone: bool = False             # measures time: no other VM at the same time
    attempts: int = 1               # measures time: the host may be busy with something else, so the best counts
    seconds: int = 5                # that one run takes, typically, on two cores; for estimates
    timeout: int = 120
    least_jdk: int = 17


def case(main, *arguments, **options):
    return Program(("-cp", f"{JARS}/cases.jar", main, *arguments), **options)


def guest(name, *arguments, **options):
    return Program((f"{GUEST}/{name}", *arguments), java=False, timeout=60, seconds=1, **options)


def expected_file(name):
    return pathlib.Path(f"tests/guest/c/{name}.expected").read_text()


LINES = b"".join(b"line %d: \xc3\xa4\xe2\x82\xac\n" % number for number in range(500))
MEGABYTES = bytes(range(256)) * 8192 + b"the end without a newline"
ARGUMENTS = ("plain", "with spaces  in it", "", "ä€漢字🙂", "quote\"s'", "back\\slash", "*", "-D", "$HOME", "a\tb\nc")

ENDINGS = ("exit0", "exit3", "raw", "abort", "segv", "stack", "fpe", "ill", "trap", "segv-blocked", "segv-ignored",
           "thread-exits", "others-running", "main-first", "term", "kill", "usr1", "hup", "alrm")

PAGES = b"".join(b"%d" % page * 4096 for page in range(6))[:5 * 4096 + 2048]

PROGRAMS = {
    "hello": guest("hello", *ARGUMENTS, env=("MOKA_TEST=a value",), compare_stderr=True),
    "hello_dynamic": guest("hello_dynamic", *ARGUMENTS, compare_stderr=True),
    "hello_musl": guest("hello_musl", *ARGUMENTS, compare_stderr=True),
    "streams": guest("standard_streams", stdin=LINES, compare_stderr=True),
    "streams_large": guest("standard_streams", stdin=MEGABYTES, compare_stderr=True),
    "streams_noise": guest("standard_streams", "noise", compare_stderr=True),
    # fork works on the host and is refused here.
    "no_second_process": guest("no_second_process", host_too=False, expect_status=0,
                               expect_stdout=expected_file("no_second_process")),
    "files_fill_memory": guest("files_fill_memory", host_too=False, expect_status=0,
                               expect_stdout=expected_file("files_fill_memory")),
    "layer_files": guest("layer_files", files=tuple((name, PAGES) for name in ("one", "two", "three", "four", "five", "six"))),
    "huge_pages": guest("huge_pages", host_too=False, expect_status=0, expect_stdout=expected_file("huge_pages")),
    "sets_clock": guest("sets_clock", host_too=False, expect_status=0, expect_stdout=expected_file("sets_clock")),
    "waits_for_dates": guest("waits_for_dates", host_too=False, expect_status=0,
                             expect_stdout=expected_file("waits_for_dates")),
    "no_vectors": guest("no_vectors", "a", "b"),
    **{f"ending_{how}": guest("ending", how) for how in ENDINGS},

    "hello_jar": Program(("build/java/hello.jar", "a b", "ü")),
    "class_path": Program((f"{JARS}/classpath/main.jar",)),
    "multi_release": Program((f"{JARS}/multirelease.jar",)),
    "launcher_agent": Program((f"{JARS}/agent.jar",)),
    "modular_jar": Program((f"{JARS}/modular.jar",)),
    "modular_path": Program((f"@{JARS}/modular.args",)),
    "arguments": case("Arguments", *ARGUMENTS, jvm=("-Dmoka.test=a property ä",), env=("MOKA_TEST=ein Wert: ß",
                                                                                   "LC_ALL=C.UTF-8")),
    "streams_java": case("Streams", stdin=LINES, compare_stderr=True),

    "hardware": case("HardwareExceptions"),
    "overflows": case("StackOverflows"),
    "out_of_memory": case("OutOfMemory", jvm=("-Xmx48m", "-XX:MaxMetaspaceSize=12m"), timeout=600),
    "many_refused": case("TooManyThreads", jvm=("-Xlog:disable",)),
    "mapped_file": case("MappedFile"),

    # On the host without -m the machine is another: the choice is Linux's rule, stated here.
    "collector": case("Collector", host_too=False, expect_status=0),
    "churn": case("Churn", timeout=400),
    "churn_g1": case("Churn", jvm=("-XX:+UseG1GC",), timeout=400),
    "churn_parallel": case("Churn", jvm=("-XX:+UseParallelGC",), timeout=400),
    "churn_z": case("Churn", jvm=("-XX:+UseZGC",), timeout=600),
    "churn_shenandoah": case("Churn", jvm=("-XX:+UseShenandoahGC",), timeout=600),
    "wholesale": Program(("build/java/mokapot-bench.jar", "--mode", "fixed", "--warehouses", "2", "--transactions", "1500"),
                         seconds=15, timeout=240),
    "churn_full": case("Churn", timeout=3000),

    "threads": case("ManyThreads", timeout=240),
    "hand_offs": case("HandOffs", timeout=240),
    # How late a wait ends depends on the host's load: the quick set asks for the median, make soak for 99%.
    "timed_waits": case("TimedWaits", alone=True, attempts=3, host_too=False, expect_status=0, expect_stdout="".join(
        f"{name}: early false, 50% within 2 ms true\n" for name in ("sleep", "park", "wait"))),
    "timed_waits_strict": case("TimedWaits", "strict", alone=True, attempts=3, host_too=False, expect_status=0,
                               expect_stdout="".join(f"{name}: early false, 99% within 2 ms true\n"
                                                     for name in ("sleep", "park", "wait"))),
    "parallel": case("ParallelStreams"),
    "virtual": Program(("-cp", f"{JARS}/cases25.jar", "VirtualThreads"), least_jdk=25),

    "hooks_exit": case("Hooks", "exit"),
    "hooks_return": case("Hooks", "return"),
    "hooks_halt": case("Hooks", "halt"),
    "hooks_throw": case("Hooks", "throw", compare_stderr=True),
    "hooks_int": case("Hooks", "wait", signals=(("ready", signal.SIGINT),)),
    "hooks_term": case("Hooks", "wait", signals=(("ready", signal.SIGTERM),)),
    # A thread dump names threads and addresses: what must be in it, and that the program goes on.
    "thread_dump": case("Hooks", "wait", signals=(("ready", signal.SIGQUIT), ("JNI global ref", signal.SIGTERM)),
                        stdout_has=("Full thread dump", '"main"', "Hooks.main", "hook ran")),

    # Linux starts the process; a machine for one program has none to start.
    "no_process": case("NoProcess", host_too=False, expect_status=0,
                       expect_stdout="refused: 3\nIOException\ngoing on\n"),
    "file_operations": case("FileOperations"),
    "watch_folder": case("WatchFolder"),
    "cpu_load": case("CpuLoad"),

    # Below what hello needs: one clear line on memory, at once, and no hang.
    "too_little": Program(("build/java/hello.jar",), host_too=False, expect_status=2, expect_stdout="",
                          stderr_has=("memory",), timeout=30),
}


def collector_rule(cpus, memory_mib):
    """HotSpot's: a server-class machine has two CPUs and about 1.8 GiB; elsewhere Serial."""
    if cpus >= 2 and memory_mib >= 1792 + 64:
        return "G1 Young Generation"
    return "Copy"
