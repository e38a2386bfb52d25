# SPDX-License-Identifier: Apache-2.0
"""Programs by others from Maven Central, as they are: each does in a VM what it does on the host where it can start no
second process (one_process.c). `make test` runs a sample, `make soak` all of them with both JDKs."""

import concurrent.futures
import dataclasses
import pathlib
import shutil
import subprocess
import threading
import time

from system import jdks
from system.jars.description import fill, programs
from system.jars.session import Failure, Session, play
from system.jvm_crash import JVM_OPTION, crash_report
from system.network_vm import free_port
from system.system import MOKA, base_environment, difference, missing_moka

WORK = pathlib.Path("build/tests/jars")
ONE_PROCESS = WORK / "one_process"
RUN_SECONDS = 60


@dataclasses.dataclass
class Heard:
    """What one side said; `problem` is why its session broke off."""
    status: int = None
    transcript: str = ""
    stdout: str = ""
    stderr: str = ""
    problem: str = ""


def filled(value, values):
    """`value` of a TOML file with the run's values in all its texts."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [filled(part, values) for part in value]
    return {name: filled(part, values) for name, part in value.items()} if isinstance(value, dict) else value


def play_side(program, jdk, values, ports, in_vm):
    folder = pathlib.Path(values["folder"])
    program.lay_out(folder, values)
    common = [f"-Duser.home={folder}/home", f"-Djava.io.tmpdir={folder}/tmp", JVM_OPTION,
              *filled(program.jvm, values)]
    words = filled(program.words, values)
    # A JVM takes a jar's name for a class without -jar; moka knows a jar when it sees it.
    bare = ["-jar", *words] if words[0].endswith(".jar") else words
    env = base_environment() | ({"TERM": "xterm"} if program.terminal else {})
    if in_vm:
        command = [str(pathlib.Path(MOKA).absolute()), "run", "--jdk", jdk, "-c", str(program.cpus),
                   "-m", str(program.memory), "--artifacts", "none", "--dir", str(folder),
                   *([] if program.terminal else ["--output", "json"]),
                   *(word for option in common for word in ("-J", option)), *words]
    else:
        # The heap that the VM gives, so that what programs say of it agrees.
        command = [str(ONE_PROCESS.absolute()), f"{jdk}/bin/java", *common, *bare]

    def client(arguments, text):
        try:
            ran = subprocess.run([f"{jdk}/bin/java", f"-Duser.home={folder}/home", *arguments], cwd=folder, env=env,
                                 input=text.encode(), capture_output=True, timeout=program.patience)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"no end of a client within {late.timeout} s, which said {late.stdout} {late.stderr}") from None
        return (ran.stdout + ran.stderr).decode(errors="backslashreplace") + f"status {ran.returncode}\n"

    heard, session = Heard(), None
    try:
        if program.prepare:
            said = client(filled(program.prepare, values), "")
            if not said.endswith("status 0\n"):
                raise Failure(f"what is to be run beforehand failed: {said}")
        session = Session(command, env, folder, program.terminal, program.patience)
        if program.stdin or not program.steps:
            session.type(filled(program.stdin, values))
            session.close_input()
        heard.transcript = play(session, filled(program.steps, values), ports, in_vm, client)
        heard.status = session.wait_for_end()
    except (Failure, OSError) as problem:
        heard.problem = f"{'the VM' if in_vm else 'the host'}: {problem}\n"
    finally:
        if session:
            session.end()
            heard.stdout, heard.stderr = (session.output[name].decode(errors="backslashreplace")
                                          for name in ("stdout", "stderr"))
    return heard, command


def judge(program, jdk, first_port):
    """'' or what went wrong."""
    folder = (WORK / f"{program.name}-{pathlib.Path(jdk).name}").absolute()
    ports = {name: first_port + number for number, name in enumerate(program.ports)}
    values = {"folder": str(folder), "jdk": jdk} | {name: str(port) for name, port in ports.items()}
    host, _ = play_side(program, jdk, values, ports, False)
    guest, command = play_side(program, jdk, values, ports, True)
    shutil.rmtree(folder, ignore_errors=True)
    problem = host.problem + guest.problem
    if not problem and host.status != guest.status:
        problem = f"status {guest.status}, on the host {host.status}\n"
    for what in ("transcript", *program.compare):
        wanted, got = (program.normal(getattr(side, what), values) for side in (host, guest))
        problem += difference(what, wanted.encode(), got.encode())
    if problem:
        keep(folder.name, program, host, guest, values)
        problem += f"{' '.join(command)}\nhost's stderr: {host.stderr[-1500:]}\nstdout: {guest.stdout[-1500:]}\n" \
                   f"stderr: {guest.stderr[-2500:]}"
        problem = "\n".join([problem, *crash_report(guest.stdout.splitlines())])
    return problem


def keep(name, program, host, guest, values):
    """Both sides in full, for whoever looks into a difference."""
    place = WORK / "differences"
    place.mkdir(parents=True, exist_ok=True)
    for side, heard in (("host", host), ("vm", guest)):
        for what in ("transcript", "stdout", "stderr"):
            (place / f"{name}.{what}.{side}").write_text(program.normal(getattr(heard, what), values))


def rows(options):
    """(program, JDK's version)."""
    for program in programs():
        versions = program.jdks if options.mode == "soak" or options.only_case else [program.sample]
        for version in versions:
            if version and options.only_case in f"{program.name}, {program.title}, jdk {version}":
                yield program, version


def seconds(options):
    """About how long the runs take on cores that do nothing else."""
    return RUN_SECONDS * len(list(rows(options))) / options.jobs


def jars(results, options):
    if missing_moka() or not ONE_PROCESS.exists():
        results.failed("jars", missing_moka() or f"{ONE_PROCESS} was not built; `make test-programs` says why")
        return
    maven = threading.Lock()
    wanted = list(rows(options))
    # In one piece and beforehand: what a case listens on must be free when it begins.
    first = free_port(sum(len(program.ports) for program, _ in wanted) or 1)

    def one(number):
        program, version = wanted[number]
        title = f"{program.name}: {program.title}, jdk {version}"
        with maven:
            reason = jdks.reason_for_absence(version) if jdks.find(version) is None else program.fetch()
        if reason:
            results.skipped(title, reason)
            return
        start = time.monotonic()
        port = first + sum(len(before.ports) for before, _ in wanted[:number])
        results.check(title, judge(program, jdks.find(version), port), time.monotonic() - start)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, range(len(wanted))))
