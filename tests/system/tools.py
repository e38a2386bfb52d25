# SPDX-License-Identifier: Apache-2.0
"""Running VMs by their names, and the JDK's tools in them: `moka ps`, `logs`, `stop`, `kill`, `jcmd`, `threads`,
`heapdump`, `jfr`, `run --debug`, JMX, and what a VM leaves on the host. Each with JDK 17 and 25, and held against the
JDK's own tools on the host where those say the same."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import zipfile

from parts.process import run
from system import hprof, jdks
from system.jvm_crash import crash_report
from system.network_vm import Failure, Vm, free_port
from system.system import MOKA, base_environment, missing_moka

JAR = os.path.abspath("build/tests/system/tools.jar")
REDEFINED = os.path.abspath("build/tests/system/redefined/Greeting.class")
HELLO = "build/tests/guest/hello"
# Two cases run at once, and a port is free until its VM starts.
PORTS = itertools.count(free_port(16))
PATIENCE = 240  # of whatever is waited for; a busy machine is slow


def want(condition, problem):
    if not condition:
        raise Failure(problem)


class Place:
    """A state directory and a folder of a test's own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = base_environment() | {"XDG_STATE_HOME": str(self.folder / "state")}

    def moka(self, *words, status=0):
        """Runs a command to its end; its standard output."""
        got = run([MOKA, *map(str, words)], PATIENCE, env=self.env)
        want(not got.timed_out, f"moka {' '.join(map(str, words))}: no end within {PATIENCE} s: {got.text()[-2000:]}")
        want(status is None or got.status == status,
             f"moka {' '.join(map(str, words))}: status {got.status}, wanted {status}\n{got.text()[-3000:]}")
        self.stderr = got.stderr.decode(errors="replace")
        return got.stdout.decode(errors="replace")

    def refused(self, *words, has, status=2):
        """A command that must fail with one line that says why."""
        out = self.moka(*words, status=status)
        want(out == "" and self.stderr.count("\n") == 1 and has in self.stderr,
             f"moka {' '.join(map(str, words))} said {out!r} and {self.stderr!r}, wanted one line with {has!r}")

    def running(self):
        return {vm["name"]: vm for vm in json.loads(self.moka("ps", "--output", "json"))}

    def wait_for_log(self, name, text):
        """The log of a detached VM, once it has `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in (log := self.moka("logs", name)):
            want(time.monotonic() < deadline and name in self.running(),
                 f"the log of {name} lacks {text!r}:\n{log[-2000:]}")
            time.sleep(0.2)
        return log

    def leftovers(self):
        """What tools have left of their scratch folders."""
        return [str(path) for path in self.folder.rglob(".moka-tool-*")]

    def account(self):
        """What became of the VMs, for the report of a failure: their ends, logs and the JVM's error reports."""
        lines = []
        with contextlib.suppress(Failure, ValueError):
            for vm in json.loads(self.moka("ps", "-a", "--output", "json")):
                log = self.moka("logs", vm["name"], status=None) if vm["detached"] else ""
                lines += [f"{vm['name']}: {vm.get('end', 'runs')}", *log.splitlines()[-40:]]
        for report in self.folder.rglob("hs_err_pid*.log"):
            lines += crash_report(report.read_text(errors="replace").splitlines())
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure, ValueError):
            for name in self.running():
                self.moka("kill", name, status=None)


def start(place, jdk, *options, main="Target"):
    """A detached VM; its name."""
    return place.moka("run", "-d", "-c", "2", "-m", "256", "--jdk", jdk, *options, "-cp", JAR, main).strip()


# --- Names, the registry, detached VMs ------------------------------------------------------------

def damaged_by_hand(place, holder):
    """The record and the socket of a VM that runs are damaged: it is still seen, and ended."""
    vms = place.folder / "state/mokapot/vms"
    (vms / "held/vm.json").write_bytes(b'{"name":"held","pid":7')
    (vms / "stray").mkdir()
    os.mkfifo(vms / "stray/vm.json")
    os.mkfifo(vms / "stray/log")
    seen = place.running()
    want(list(seen) == ["held"] and seen["held"]["pid"] == holder.pid and seen["held"]["damaged"], f"moka ps says {seen}")
    want("record damaged" in place.moka("ps"), "the table does not say that the record is damaged")
    place.refused("jcmd", "held", "VM.version", has="is damaged", status=None)
    (vms / "held/vm.json").unlink()
    place.refused("jcmd", "held", "VM.version", has="only just starting", status=None)
    (vms / "held/socket").unlink()
    os.mkfifo(vms / "held/socket")
    place.moka("kill", "held")
    want(holder.wait(PATIENCE) != 0 and place.running() == {}, "a VM whose record is damaged was not ended")
    place.moka("run", "--name", "stray", "-m", "64", HELLO)  # the name of a folder of pipes


def names_without_utf8(place, _jdk):
    """A file may have any name: JSON has not, and moka ended by that."""
    for name in (b"caf\xe9", b"\x1b[2Jclear"):
        program = os.fsdecode(name)
        shutil.copy(HELLO, place.folder / program)
        got = place.moka("run", "-m", "64", place.folder / program)
        want(got == place.moka("run", "-m", "64", HELLO), f"{name}: {got!r}")
        place.moka("run", "-d", "--name", "odd", "-m", "64", place.folder / program)
        want("\x1b" not in place.moka("ps", "-a"), "moka ps prints what a terminal obeys")


def life_of_a_vm(place, _jdk):
    """A native program, which is quick to start."""
    server = ["-c", "1", "-m", "64", "build/tests/guest/standard_streams"]
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(subprocess.Popen([MOKA, "run", "--name", "held", *server], stdin=subprocess.PIPE,
                                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.env,
                                                      start_new_session=True))
        stack.callback(holder.kill)
        deadline = time.monotonic() + PATIENCE
        while "held" not in place.running():
            want(holder.poll() is None and time.monotonic() < deadline, "the VM is not in moka ps")
            time.sleep(0.1)
        seen = place.running()["held"]
        want(seen["pid"] == holder.pid and seen["memoryMiB"] == 64 and seen["cpus"] == 1 and not seen["java"],
             f"moka ps says {seen}")
        want("held" in place.moka("ps") and "standard_streams" in place.moka("ps"), "not in the table")
        place.refused("run", "--name", "held", *server, has=f"process {holder.pid}")
        place.refused("logs", "held", has="without -d")
        place.refused("jcmd", "held", "VM.version", has="no Java program", status=None)
        damaged_by_hand(place, holder)
    # A launcher that died took its VM with it and left no trace.
    want(place.running() == {}, "a VM whose moka was killed is still there")
    want(place.moka("run", "-d", "--name", "held", *server).strip() == "held", "the name is not free again")
    want(place.moka("run", "-d", *server, status=0).strip() == "standard_streams", "not named for the program")
    for command in ("stop", "kill", "logs", "jcmd", "threads"):
        place.refused(command, "nobody", has="there is no VM called nobody")
    place.refused("stop", has="say which VM")
    place.refused("heapdump", "held", has="say which VM and which file")
    place.refused("jfr", "held", "sing", has="start, dump, stop and check")


def ends_of_a_vm(place, jdk):
    """stop runs the hooks, kill does not; logs -f follows to the end."""
    first, second = start(place, jdk), start(place, jdk)
    want({first, second} == {"Target", "Target-2"}, f"named {first} and {second}")
    place.wait_for_log(first, "up\n")
    with contextlib.ExitStack() as stack:
        follower = stack.enter_context(subprocess.Popen([MOKA, "logs", "-f", first], stdout=subprocess.PIPE, env=place.env))
        stack.callback(follower.kill)
        place.moka("stop", "-t", PATIENCE, first)
        want(follower.wait(PATIENCE) == 0, "logs -f did not end well")
        want(follower.stdout.read() == b"up\nthe hook ran\n", "logs -f did not show all")
    place.wait_for_log(second, "up\n")
    place.moka("kill", second)
    want(place.running() == {}, "still running")
    ended = {vm["name"]: vm["end"]["status"] for vm in json.loads(place.moka("ps", "-a", "--output", "json"))}
    want(ended == {first: 143, second: 137}, f"ended with {ended}")
    want("hook" not in place.moka("logs", second), "a hook ran although the VM was killed")
    place.refused("stop", first, has="has ended")


def refused_before_it_begins(place, _jdk):
    """A detached VM that cannot start ends the command as it would have ended without -d."""
    place.refused("run", "-d", "no-such.jar", has="no such file")
    place.refused("run", "-d", "--name", "a/b", HELLO, has="--name")
    place.refused("run", "--artifacts", HELLO, HELLO, has="--artifacts")
    place.refused("run", "--debug", HELLO, has="Linux program")
    want(json.loads(place.moka("ps", "-a", "--output", "json")) == [], "something is left in the registry")


# --- Tools ----------------------------------------------------------------------------------------

SAME_AS_ON_THE_HOST = (["VM.version"], ["help", "GC.heap_dump"], ["help"], ["No.such"], ["GC.heap_dump"],
                       ["VM.log", "list=x"], ["JFR.check"], ["VM.log", "what=gc"])


def jcmd_of_the_host(jdk, pid, words):
    got = run([f"{jdk}/bin/jcmd", str(pid), *words], PATIENCE)
    return got.status, re.sub(rf"^{pid}:", "1:", got.stdout.decode()).replace(f"jcmd {pid} ", "jcmd 1 "), stripped(got)


def stripped(got):
    """Messages of errors, without blanks at the ends of lines: jcmd 25 makes one of a newline."""
    return [line.rstrip() for line in got.stderr.decode().splitlines()]


def as_on_the_host(place, jdk, name):
    """The same commands to a JVM of the host's with the same program."""
    with subprocess.Popen([f"{jdk}/bin/java", "-cp", JAR, "Target"], stdout=subprocess.PIPE) as host:
        host.stdout.readline()
        try:
            for words in SAME_AS_ON_THE_HOST:
                wanted = jcmd_of_the_host(jdk, host.pid, words)
                got = run([MOKA, "jcmd", name, *words], PATIENCE, env=place.env)
                said = got.status, got.stdout.decode(), stripped(got)
                want(said == wanted, f"jcmd {words}: wanted {wanted}\ngot {said}")
        finally:
            host.kill()


def many_at_once(place, name):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for text in pool.map(lambda _: run([MOKA, "threads", name, "-l"], PATIENCE, env=place.env), range(12)):
            want(text.status == 0 and b"at Target.sitStill" in text.stdout and b"JNI global refs" in text.stdout,
                 f"threads: {text.text()[-2000:]}")


def kernel_threads(place, name):
    """Also of a JVM that does not answer: what each thread waits for, and where in the kernel."""
    said = place.moka("threads", name, "--kernel")
    for part in ('[1] "java" sleeps for ', ", in futex(0x", "    futex_wait+0x", '[-] "network" sleeps for '):
        want(part in said, f"threads --kernel lacks {part!r}:\n{said[-3000:]}")
    place.refused("threads", name, "--kernel", "-l", has="-l and -e are for Java's")


def heap_dumps(place, name):
    file = place.folder / "a dump.hprof"
    place.moka("heapdump", name, file)
    found = hprof.read(file)
    want(found.count("Target$Marker") == 12345, f"{found.count('Target$Marker')} markers in the dump")
    place.refused("heapdump", name, file, has="exists")
    place.moka("heapdump", "--gzip", "1", "--force", name, file)
    want(file.read_bytes()[:2] == b"\x1f\x8b", "not compressed")
    place.refused("heapdump", name, place.folder / "no" / "x", has="no such folder")
    want(not place.leftovers(), f"left behind: {place.leftovers()}")


def recordings(place, jdk, name):
    file = place.folder / "x.jfr"
    place.moka("jfr", name, "start", "name=mine", "settings=profile")
    want("mine" in place.moka("jfr", name, "check"), "the recording is not there")
    said = place.moka("jfr", name, "dump", "name=mine", f"filename={file}")
    want(str(file) in said, f"does not say where: {said}")
    place.refused("jfr", name, "dump", "name=mine", f"filename={file}", has="exists")
    place.moka("jfr", name, "stop", "name=mine", f"filename={file}", "--force")
    summary = run([f"{jdk}/bin/jfr", "summary", str(file)], PATIENCE)
    want(summary.status == 0 and re.search(r"jdk\.JVMInformation +[1-9]", summary.stdout.decode()),
         f"the JDK's jfr does not read it: {summary.text()[-1500:]}")
    place.moka("jfr", name, "start", "filename=at end.jfr")
    want(not place.leftovers(), f"left behind: {place.leftovers()}")


def jmx(jdk, port):
    got = run([f"{jdk}/bin/java", "-cp", JAR, "JmxClient", str(port)], PATIENCE)
    want(got.stdout == b"pid 1\ndeadlocked false\nused true\n", f"JMX: {got.text()[-2000:]}")


def tools_of_a_jvm(place, jdk):
    port = next(PORTS)
    name = start(place, jdk, "--name", "tools", "-p", port, "--output", "json",
                 *(word for option in (f"port={port}", f"rmi.port={port}", "authenticate=false", "ssl=false")
                   for word in ("-J", f"-Dcom.sun.management.jmxremote.{option}")),
                 "-J", "-Djava.rmi.server.hostname=127.0.0.1")
    place.wait_for_log(name, "up\n")
    as_on_the_host(place, jdk, name)
    many_at_once(place, name)
    kernel_threads(place, name)
    heap_dumps(place, name)
    recordings(place, jdk, name)
    place.wait_for_log(name, f'"guestPort":{port}')
    want({p["guestPort"] for p in place.running()[name]["ports"]} == {port}, f"ps does not show the port: {place.running()}")
    jmx(jdk, port)
    place.moka("stop", "-t", PATIENCE, name)
    log = place.moka("logs", name)
    left = [json.loads(line)["path"] for line in log.splitlines() if line.startswith('{"event":"artifact"')]
    want(len(left) == 1 and left[0].endswith("/artifacts/tools/at end.jfr"), f"left {left}\n{log[-1500:]}")
    summary = run([f"{jdk}/bin/jfr", "summary", left[0]], PATIENCE)
    want(summary.status == 0, f"the recording of the end: {summary.text()[-1500:]}")


def without_tools(place, jdk):
    name = start(place, jdk, "--artifacts", "none", "-J", "-XX:+DisableAttachMechanism")
    place.refused("threads", name, has="-XX:+DisableAttachMechanism", status=1)
    place.wait_for_log(name, "up\n")
    kernel_threads(place, name)
    place.refused("heapdump", name, place.folder / "x", has="--artifacts none")
    want(not (place.folder / "x").exists(), "a file was made")
    place.moka("kill", name)
    want(not os.path.exists(place.folder / "state/mokapot/artifacts"), "a folder for artifacts was made")


# --- What a VM leaves -----------------------------------------------------------------------------

def heap_dump_larger_than_memory(place, jdk):
    folder = place.folder / "artifacts"
    got = run([MOKA, "run", "-c", "1", "-m", "156", "--jdk", jdk, "--artifacts", str(folder), "-J", "-XX:+UseSerialGC",
               "-J", "-Xmx80m", "-J", "-XX:+HeapDumpOnOutOfMemoryError", "-J", "-Xlog:gc*:file=logs/gc.log",
               "-cp", JAR, "Exhausted"], PATIENCE, env=place.env)
    want(got.status == 0, f"status {got.status}: {got.text()[-2000:]}")
    said = dict(line.split() for line in got.stdout.decode().splitlines() if line.startswith(("available", "blocks")))
    dumps = list(folder.glob("java_pid*.hprof"))
    want(len(dumps) == 1, f"in the folder: {list(folder.iterdir())}")
    size = dumps[0].stat().st_size
    want(size > int(said["available"]) * 1024, f"the dump has {size} bytes, and the VM {said['available']} KiB free")
    found = hprof.read(dumps[0])
    want(found.count("Exhausted$Marker") == 4321, f"{found.count('Exhausted$Marker')} markers in the dump")
    want(str(dumps[0]) in got.stderr.decode(), "moka does not say where the dump is")
    want("Pause Full" in (folder / "logs/gc.log").read_text(), "no log of the collector")


def crash(place, jdk):
    got = run([MOKA, "run", "-c", "1", "-m", "256", "--jdk", jdk, "--name", "crasher", "-cp", JAR, "Crash"], PATIENCE,
              env=place.env)
    want(got.status == 134, f"status {got.status}: {got.text()[-2000:]}")
    reports = list((place.folder / "state/mokapot/artifacts/crasher").glob("hs_err_pid*.log"))
    want(len(reports) == 1, f"no report: {got.text()[-1000:]}")
    report = reports[0].read_text()
    want(report.rstrip().endswith("END."), f"the report is cut short: {report[-300:]}")
    want("si_addr: 0x0000000000000040" in report, "the report lacks the fault's address")
    # The register dump is the machine's: RIP is where the first lines say that it crashed.
    place_of_crash = re.search(r"at pc=0x([0-9a-f]{16})", report)[1]
    want(re.search(rf"RIP=0x{place_of_crash}", report), "RIP in the registers is not the crash's")
    want(report.strip() in got.stderr.decode(), "the report is not on the console")
    want(str(reports[0]) in got.stderr.decode(), "moka does not say where the report is")


# --- A debugger -----------------------------------------------------------------------------------

class Jdb:
    """The JDK's debugger, told what to do when it has said certain things."""

    def __init__(self, jdk, port):
        self.process = subprocess.Popen([f"{jdk}/bin/jdb", "-attach", f"localhost:{port}"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said, self.read = "", 0

    def hears(self, text):
        deadline = time.monotonic() + PATIENCE
        while (at := self.said.find(text, self.read)) < 0:
            want(time.monotonic() < deadline and self.process.poll() is None, f"jdb did not say {text!r}:\n{self.said}")
            piece = self.process.stdout.read()
            self.said += (piece or b"").decode(errors="replace")
            time.sleep(0.05)
        self.read = at + len(text)

    def tell(self, line, answer):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        self.hears(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def debugger(place, jdk):
    port = next(PORTS)
    with Vm(["-c", "2", "-m", "256", "--jdk", jdk, f"--debug={port}", "--suspend", "-cp", JAR, "Debugged"],
            patience=PATIENCE, env=place.env) as vm:
        attach = vm.event("debugger")
        want(attach["attach"] == f"jdb -attach localhost:{port}", f"the line to paste is {attach}")
        try:
            with Jdb(jdk, port) as jdb:
                jdb.hears("VM Started")
                jdb.tell("stop in Greeting.text", "breakpoint Greeting.text")
                jdb.tell("cont", "Breakpoint hit")
                jdb.tell("where", "Debugged.main")
                jdb.tell("step", "Step completed")
                jdb.tell("step", "Step completed")
                jdb.tell("print doubled", "doubled = 84")
                jdb.tell("clear Greeting.text", "Removed")
                jdb.tell(f"redefine Greeting {REDEFINED}", "] ")
                jdb.tell("cont", "application exited")
        except Failure as failure:
            raise Failure(f"{failure}\nthe VM:\n{vm.evidence()}") from None
        want(vm.wait_for_end() == 0 and vm.lines == ["hello world", "goodbye world"], f"the VM: {vm.evidence()}")


def kit_of_the_users(place, jdk):
    """`moka bench` with a jar in the place of the licensed kit."""
    kit = place.folder / "kit"
    (kit / "config").mkdir(parents=True)
    (kit / "config/specjbb2015.props").write_text("settings")
    with zipfile.ZipFile(JAR) as classes, zipfile.ZipFile(kit / "specjbb2015.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMain-Class: Kit\n")
        jar.writestr("Kit.class", classes.read("Kit.class"))
    out = place.folder / "out"
    place.refused("bench", "specjbb2015", "--kit", place.folder, has="specjbb2015.jar")
    place.refused("bench", "dacapo", has="knows specjbb2015")
    bench = ["bench", "specjbb2015", "--kit", kit, "-o", out, "-m", "512", "-c", "2", "--jdk", jdk]
    # Of the heap one survivor space is never to be had at the same moment as the other.
    want(250 <= int(place.moka(*bench)) <= 336, "not the heap that fits 512 MiB")
    report = out / "result/specjbb2015-C-00001/report-00001/specjbb2015-C-00001.html"
    want(report.read_text() == "<p>settings[-m, COMPOSITE]</p>", f"the report says {report.read_text()}")
    want(str(report) in place.stderr, "moka does not say where the report is")
    want((out / "specjbb2015-C-00001.data.gz").stat().st_size == 1 << 16, "not all of the data")
    place.refused(*bench, has="there already")


CASES = {
    "a kit of the user's": (kit_of_the_users, True),
    "a VM from its start to its end": (life_of_a_vm, False),
    "a program whose name is no UTF-8": (names_without_utf8, False),
    "what cannot start does not detach": (refused_before_it_begins, False),
    "stop, kill and logs": (ends_of_a_vm, True),
    "jcmd, threads, heapdump, jfr, JMX": (tools_of_a_jvm, True),
    "a JVM that lets no tool in": (without_tools, True),
    "a heap dump larger than the VM's free memory": (heap_dump_larger_than_memory, True),
    "the report of a crash": (crash, True),
    "jdb: breakpoint, step, redefine": (debugger, True),
}


def tools(results, options):
    if missing_moka():
        results.failed("tools", missing_moka())
        return

    def one(case):
        title, check, feature = case
        jdk = jdks.find(feature)
        if jdk is None:
            results.skipped(title, jdks.reason_for_absence(feature))
            return
        begin = time.monotonic()
        problem = ""
        with tempfile.TemporaryDirectory(prefix="moka-tools-") as folder, Place(folder) as place:
            try:
                check(place, jdk)
            except (Failure, OSError, ValueError) as failure:
                problem = str(failure) or type(failure).__name__
                problem = "\n".join([problem, *crash_report(problem.splitlines()), *place.account()])
        results.check(title, problem, time.monotonic() - begin)

    cases = [(f"{title}, jdk {feature}" if is_java else title, check, feature)
             for title, (check, is_java) in CASES.items() for feature in ((17, 25) if is_java else (17,))]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, [case for case in cases if options.only_case in case[0]]))
