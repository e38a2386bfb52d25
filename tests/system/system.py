# SPDX-License-Identifier: Apache-2.0
"""Tests of the whole: programs through `build/moka run`, compared with the host."""

import concurrent.futures
import contextlib
import csv
import itertools
import os
import pathlib
import tempfile
import time

from parts.process import run
from system import bad_options, jdks
from system.interactive import run_with_signals
from system.jvm_crash import JVM_OPTION, crash_report
from system.programs import PROGRAMS, collector_rule

MOKA = "build/moka"
MATRIX = "tests/system/matrix.csv"
SUITE_TIMEOUT = 240


def base_environment():
    """What both sides see of the environment: little, and the same."""
    kept = ("PATH", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "MOKA_KERNEL", "MOKA_KERNEL_OPTIONS")
    env = {name: value for name, value in os.environ.items() if name in kept}
    env["LANG"] = "C.UTF-8"
    return env


def missing_moka():
    if not os.access(MOKA, os.X_OK):
        return f"{MOKA} was not built; `make moka` says why"
    if not os.path.exists("build/mokapot-kernel.elf"):
        return "the kernel was not built; `make kernel` says why"
    return ""


# --- The matrix -----------------------------------------------------------------------------------

def numbers(text):
    """'1+2', '40..512/8' or '-'."""
    values = []
    for part in text.split("+"):
        if ".." in part:
            first, _, rest = part.partition("..")
            last, _, step = rest.partition("/")
            values += [str(n) for n in range(int(first), int(last) + 1, int(step))]
        else:
            values.append(part)
    return values


def cases(mode):
    """(program, jdk, cpus, machine, memory) of the mode, in the file's order, each once."""
    seen = {}
    with open(MATRIX, newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        for row in rows:
            if row["when"] == "fast" or mode == "soak":
                for key in itertools.product(row["program"].split("+"), numbers(row["jdk"]), numbers(row["cpus"]),
                                             row["machine"].split("+"), numbers(row["memory"])):
                    if key[0] not in PROGRAMS:
                        raise ValueError(f"{MATRIX} names {key[0]}, which tests/system/programs.py does not have")
                    seen.setdefault(key, None)
    return list(seen)


def case_name(key):
    program, jdk, cpus, machine, memory = key
    words = [program, f"jdk {jdk}" if jdk != "-" else "", f"{cpus} cpu", machine, f"{memory} MiB" if memory != "-" else ""]
    return ", ".join(word for word in words if word)


@contextlib.contextmanager
def folder_of(program):
    """A folder with the files of its own that the program has; None where it has none."""
    if not program.files:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="moka-files-") as folder:
        for name, content in program.files:
            (pathlib.Path(folder) / name).write_bytes(content)
        yield folder


class HostOracle:
    """What the host says to a program with a JDK; asked once a pair."""

    def __init__(self):
        self._known = {}

    def ask(self, name, jdk):
        key = name, jdk
        if key not in self._known:
            program = PROGRAMS[name]
            env = base_environment() | dict(word.split("=", 1) for word in program.env)
            command = list(program.words)
            if program.java:
                if command[0].endswith(".jar"):
                    command.insert(0, "-jar")
                command = [f"{jdks.find(int(jdk))}/bin/java", *program.jvm, *command]
            else:
                command[0] = os.path.abspath(command[0])
            with folder_of(program) as folder:
                self._known[key] = run_with_signals(command, program.timeout, program.stdin, env, program.signals,
                                                    cwd=folder)
        return self._known[key]


def moka_command(program, jdk, cpus, machine, memory, report, folder):
    command = [MOKA, "run", "-c", cpus, "--machine", machine, "--status-file", report]
    if folder is not None:
        command += ["--dir", folder]
    if memory != "-":
        command += ["-m", memory]
    if program.java:
        command += ["--jdk", jdks.find(int(jdk)), "-J", JVM_OPTION]
        for option in program.jvm:
            command += ["-J", option]
    for word in program.env:
        command += ["-e", word]
    if folder is not None:
        return command + [os.path.abspath(program.words[0]), *program.words[1:]]
    return command + list(program.words)


def difference(what, wanted, got):
    """A few lines that show where two outputs part; empty where they agree."""
    if wanted == got:
        return ""
    a, b = wanted.decode(errors="replace").splitlines(), got.decode(errors="replace").splitlines()
    for number, (x, y) in enumerate(itertools.zip_longest(a, b), 1):
        if x != y:
            return f"{what}, line {number}:\n  wanted: {str(x)[:300]}\n  got:    {str(y)[:300]}\n"
    return f"{what}: the same lines, but not the same bytes\n"


def judge(key, oracle):
    """'' or what went wrong."""
    name, jdk, cpus, machine, memory = key
    program = PROGRAMS[name]
    wanted_status, wanted_out, wanted_err = program.expect_status, program.expect_stdout, None
    if program.host_too:
        host = oracle.ask(name, jdk)
        if host.timed_out:
            return f"timed out on the host: {host.text()[-500:]}"
        wanted_status = host.status if wanted_status is None else wanted_status
        wanted_out = host.stdout if wanted_out is None else wanted_out.encode()
        wanted_err = host.stderr if program.compare_stderr else None
    elif wanted_out is not None:
        wanted_out = wanted_out.encode()
    if name == "collector":
        mib = int(memory)
        wanted_out = None
        needed = (collector_rule(int(cpus), mib), f"processors {cpus}")
    else:
        needed = program.stdout_has
    with tempfile.NamedTemporaryFile(prefix="moka-status-") as report, folder_of(program) as folder:
        command = moka_command(program, jdk, cpus, machine, memory, report.name, folder)
        got = run_with_signals(command, program.timeout, program.stdin, base_environment(), program.signals)
        said = pathlib.Path(report.name).read_text()
    problem = ""
    if got.timed_out:
        problem += f"no end within {program.timeout} s\n"
    elif got.status != wanted_status:
        problem += f"status {got.status}, wanted {wanted_status}\n"
    if needed:
        problem += "".join(f"stdout lacks {text!r}\n" for text in needed if text.encode() not in got.stdout)
    elif wanted_out is not None:
        problem += difference("stdout", wanted_out, got.stdout)
    if wanted_err is not None:
        problem += difference("stderr", wanted_err, got.stderr)
    problem += "".join(f"stderr lacks {text!r}\n" for text in program.stderr_has if text.encode() not in got.stderr)
    if problem:
        problem += f"{' '.join(command)}\nafter {got.seconds:.1f} s; status file: {said.strip()}\nstderr: " \
                   + got.stderr.decode(errors="replace")[-12000 if got.timed_out else -2500:]
        problem = "\n".join([problem, *crash_report(got.stdout.decode(errors="replace").splitlines())])
    return problem


def run_keys(results, keys, jobs):
    oracle = HostOracle()

    def one(key):
        name, jdk = key[0], key[1]
        if jdk != "-" and jdks.find(int(jdk)) is None:
            results.skipped(case_name(key), jdks.reason_for_absence(int(jdk)))
        elif jdk != "-" and int(jdk) < PROGRAMS[name].least_jdk:
            results.skipped(case_name(key), f"needs JDK {PROGRAMS[name].least_jdk}")
        else:
            start = time.monotonic()
            try:
                for _ in range(PROGRAMS[name].attempts):
                    problem = judge(key, oracle)
                    if not problem:
                        break
                results.check(case_name(key), problem, time.monotonic() - start)
            except OSError as error:
                results.failed(case_name(key), str(error))

    together = [key for key in keys if not PROGRAMS[key[0]].alone]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, together))
    for key in keys:
        if PROGRAMS[key[0]].alone:
            one(key)


def matrix_cases(options):
    return [key for key in cases(options.mode) if options.only_case in case_name(key)]


def matrix_seconds(options):
    """About how long the matrix takes."""
    keys = matrix_cases(options)
    alone = sum(PROGRAMS[key[0]].seconds for key in keys if PROGRAMS[key[0]].alone)
    together = sum(PROGRAMS[key[0]].seconds for key in keys if not PROGRAMS[key[0]].alone)
    return alone + together / options.jobs


def matrix(results, options):
    if missing_moka():
        results.failed("the matrix", missing_moka())
        return
    run_keys(results, matrix_cases(options), options.jobs)


# --- The guest suite ------------------------------------------------------------------------------

def by_test(output):
    """{test: [its lines]} of a guest_suite's output; a test that came to its end has the line 'end'."""
    tests = {}
    for line in output.decode(errors="replace").splitlines():
        name, colon, text = line.partition(": ")
        if colon:
            tests.setdefault(name, []).append(text)
    return tests


def suite_in_vm(binary, moka_options, names):
    """Runs the suite, going on behind a test that ended the VM. ({test: lines}, {test: how it ended})."""
    tests, ends, after = {}, {}, []
    for _ in range(12):
        got = run([MOKA, "run", *moka_options, binary, *after], SUITE_TIMEOUT, env=base_environment())
        found = by_test(got.stdout)
        tests.update(found)
        if names[-1] in found and found[names[-1]][-1] == "end":
            break
        finished = [name for name in names if (tests.get(name) or [""])[-1] == "end"]
        position = names.index(finished[-1]) + 1 if finished else 0
        while position < len(names) - 1 and names[position] in ends:  # ended the VM before
            position += 1
        culprit = names[position]
        ends[culprit] = (f"no end within {SUITE_TIMEOUT} s" if got.timed_out else f"ended with {got.status}") \
            + "\n" + got.stderr.decode(errors="replace")[-2000:]
        tests.setdefault(culprit, [])
        if position + 1 >= len(names):
            break
        after = ["--after", culprit]
    return tests, ends


# What Linux's 9p answers differently from a disk, too: the size of blocks, names of files without one, and mappings
# that are shared and written to.
SHARED_FOLDER_DIFFERS = {"stat_family", "unlink_while_open", "shared_views_of_one_file_agree",
                         "sigbus_past_the_end_of_the_file"}


def guest_suite(results, label, binary, moka_options):
    host = run([binary], SUITE_TIMEOUT, env=base_environment())
    wanted = by_test(host.stdout)
    names = run([binary, "--list"], 20).stdout.decode().split()
    with tempfile.TemporaryDirectory() as folder:
        got, ends = suite_in_vm(binary, [option.replace("FOLDER", folder) for option in moka_options], names)
    if label.startswith("shared folder"):
        names = [name for name in names if name not in SHARED_FOLDER_DIFFERS]
    for name in names:
        title = f"{label}: {name}"
        expected, seen = wanted.get(name, []), got.get(name)
        if name in ends:
            results.failed(title, f"{ends[name]}\nlast lines: {seen[-3:] if seen else 'none'}")
        elif seen is None:
            results.failed(title, "did not run: too many tests before it ended the VM")
        elif not expected or expected[-1] != "end" or any(line.startswith("FAILED") for line in expected):
            results.failed(title, "the host itself does not pass:\n" + "\n".join(expected[-5:]))
        else:
            results.check(title, difference("result", "\n".join(expected).encode(), "\n".join(seen).encode()))


GUEST_SUITE_SECONDS = 15  # one run of it, typically


def guest_runs(options):
    """(label, program, options of moka)"""
    runs = [("static, 2 cpu", "build/tests/guest/guest_suite", ["-c", "2", "-m", "512"]),
            ("dynamic, 4 cpu", "build/tests/guest/guest_suite_dynamic", ["-c", "4", "-m", "1024"]),
            ("no direct calls, static, 2 cpu", "build/tests/guest/guest_suite", ["-c", "2", "-m", "512", "--no-direct-calls"]),
            # Its files are the host's.
            ("shared folder, 2 cpu", "build/tests/guest/guest_suite",
             ["-c", "2", "-m", "512", "--mount", "FOLDER:/shared", "-e", "TMPDIR=/shared"])]
    if options.mode == "soak":
        runs += [(f"static, {cpus} cpu, {machine}", "build/tests/guest/guest_suite",
                  ["-c", str(cpus), "-m", "512", "--machine", machine])
                 for cpus in (1, 2, 4) for machine in ("microvm", "q35", "pc")]
    return [one for one in runs if options.only_case in one[0]]


def guest_seconds(options):
    return len(guest_runs(options)) * GUEST_SUITE_SECONDS / options.jobs


def guest_programs(results, options):
    if missing_moka():
        results.failed("guest programs", missing_moka())
        return
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda one: guest_suite(results, *one), guest_runs(options)))


# --- Bad input ------------------------------------------------------------------------------------

def bad_input(results, options):
    """Each is a message with advice and status 2, before any VM starts."""
    if missing_moka():
        results.failed("bad input", missing_moka())
        return
    jars = "build/tests/system"
    jdk17 = jdks.find(17) or ""
    rows = [
        ("no arguments", [], {}),
        ("unknown option", ["--no-such-option", "x.jar"], {}),
        ("no such file", ["/no/such/file.jar"], {}),
        ("a directory", ["/tmp"], {}),
        ("not a jar", [f"{jars}/not-a-jar.jar"], {}),
        ("empty file", [f"{jars}/empty.jar"], {}),
        ("truncated jar", [f"{jars}/truncated.jar"], {}),
        ("no Main-Class", [f"{jars}/no-main-class.jar"], {}),
        ("no such JDK", ["--jdk", "/no/such/jdk", "build/java/hello.jar"], {}),
        ("a JDK without java", ["--jdk", "/tmp", "build/java/hello.jar"], {}),
        ("bad memory size", ["-m", "lots", "build/java/hello.jar"], {}),
        ("too little memory", ["-m", "1", "build/java/hello.jar"], {}),
        ("bad CPU count", ["-c", "0", "build/java/hello.jar"], {}),
        ("more CPUs than there can be", ["-c", "100000", "build/java/hello.jar"], {}),
        ("QEMU missing", ["build/java/hello.jar"], {"PATH": f"{jdk17}/bin"}),
    ]
    if jdks.find(25):
        rows.append(("class version newer than the JDK", ["--jdk", jdk17, f"{jars}/too-new.jar"], {}))
    else:
        results.skipped("class version newer than the JDK", jdks.reason_for_absence(25))
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        foreign = foreign_jdk(pathlib.Path(name))
        rows += bad_options.rows(pathlib.Path(name), stack)
        rows.append(("a JDK for another machine", ["--jdk", foreign, "build/java/hello.jar"], {}))
        for title, words, env in rows:
            if options.only_case not in title:
                continue
            got = run([MOKA, "run", *words], 30, env=base_environment() | env)
            problem = ""
            if got.timed_out:
                problem = "no end within 30 s"
            elif got.status != 2:
                problem = f"status {got.status}, wanted 2"
            elif not got.stderr.strip():
                problem = "no message"
            elif got.stdout:
                problem = "the message is on stdout"
            elif got.stderr.count(b"\n") != 1:
                problem = "the message is no single line"
            results.check(title, problem and f"{problem}\n{got.text()[-800:]}")


def foreign_jdk(directory):
    """A JDK whose java is for another machine: the ELF header says AArch64."""
    root = jdks.find(17)
    home = directory / "jdk"
    (home / "bin").mkdir(parents=True)
    if root:
        for entry in pathlib.Path(root).iterdir():
            if entry.name != "bin":
                (home / entry.name).symlink_to(entry)
        header = bytearray(pathlib.Path(f"{root}/bin/java").read_bytes())
        header[18:20] = (183).to_bytes(2, "little")
        (home / "bin/java").write_bytes(header)
        (home / "bin/java").chmod(0o755)
    return str(home)
