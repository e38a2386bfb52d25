# SPDX-License-Identifier: Apache-2.0
"""Runs one program in one guest and measures QEMU while it does.

QEMU's processor time is read from its own process clock (user and system, all threads, ended ones too)
at the moment at which a given line of output arrives; the whole run's comes from wait4. Mokapot's guest
is started by `moka run`, as a user starts it; the other guests by the QEMU command line that moka used,
with another kernel in it.
"""

import dataclasses
import os
import pathlib
import select
import shutil
import signal
import subprocess
import threading
import time
import typing

RECORDER = pathlib.Path(__file__).resolve().parent / "qemu_recorder.sh"
ADDRESSES = ("mokapot.ip=", "mokapot.gateway=")   # kernel/contract/vm_contract.h
CLIENT_PATIENCE = 30    # seconds that a client may take to see that its guest has ended
QEMU = os.environ.get("MOKA_QEMU") or "qemu-system-x86_64"


@dataclasses.dataclass(frozen=True)
class Program:
    """What runs in a guest. `marks` begin lines of its output that have to come."""
    name: str
    words: tuple            # moka's: options, then the program and its arguments
    marks: tuple
    memory: int = 1024
    cpus: int = 2
    seconds: int = 120      # time limit
    client: typing.Callable = None   # what the host does meanwhile; clients.py
    port: int = 0           # on which the client is answered


@dataclasses.dataclass
class Sample:
    output: str = ""
    status: int = -1
    timed_out: bool = False
    client_failed: bool = False
    ended_by_client: bool = False
    # For each line of output as it came: the line, QEMU's CPU-seconds, seconds since QEMU's start.
    lines: list = dataclasses.field(default_factory=list)
    cpu_whole: float = 0.0
    wall_whole: float = 0.0
    resident_mib: float = 0.0

    def line(self, beginning):
        """(index, CPU-seconds, seconds) of the first line that begins so; KeyError where none does."""
        for index, (line, cpu, wall) in enumerate(self.lines):
            if line.startswith(beginning):
                return index, cpu, wall
        raise KeyError(beginning)

    def cpu_at(self, beginning):
        return self.line(beginning)[1]

    def wall_at(self, beginning):
        return self.line(beginning)[2]

    def figure(self, name):
        """What the program itself measured."""
        return float(self.lines[self.line(f"figure {name} ")[0]][0].split()[2])

    def cpu_of_figure(self, name):
        """What QEMU spent between the line before the figure and the figure."""
        index, cpu, _ = self.line(f"figure {name} ")
        if index == 0:
            raise KeyError(name)
        return cpu - self.lines[index - 1][1]

    def has(self, marks):
        return all(any(line.startswith(mark) for line, _, _ in self.lines) for mark in marks)


class Failure(Exception):
    pass


def cpu_seconds(process):
    # How Linux names the clock of another process: man 3 clock_getcpuclockid, computed as the C
    # library does it.
    return time.clock_gettime((~process << 3) | 2)


class Session:
    """What a client knows of the guest whose client it is. Its lines become lines of the sample."""

    def __init__(self, guest, sample, popen, program, process_of, network, record):
        self.sample, self.popen, self.program = sample, popen, program
        self.process_of, self.network, self.record = process_of, network, record
        self.address = network.address(program.cpus)
        self.guest = guest
        self.failure = None
        self.has_ended = False    # popen is not asked: that would take its resource usage from watch()

    def process(self):
        """(process, start) of QEMU, waited for."""
        while not self.has_ended:
            try:
                return self.process_of(self.popen)
            except OSError:    # it has not started
                time.sleep(0.01)
        raise Failure("the guest ended")

    def monitor(self):
        return self.record / "monitor"

    def wait_for_line(self, beginning):
        while not self.has_ended:
            try:
                return self.sample.line(beginning)
            except KeyError:
                time.sleep(0.01)
        raise Failure(f"the guest ended without {beginning!r}")

    def end_guest(self):
        """For programs that serve until they are ended; what counts has been said."""
        self.sample.ended_by_client = True
        os.kill(self.popen.pid, signal.SIGKILL)    # moka's QEMU dies with it; popen.kill() would ask for its status

    def say_figure(self, name, value):
        process, start = self.process()
        self.sample.lines.append((f"figure {name} {value:.10f}", cpu_seconds(process), time.monotonic() - start))

    def run(self):
        try:
            self.program.client(self)
        except Exception as problem:   # whatever it is, the run failed, and the guest has to end
            self.failure = f"{type(problem).__name__}: {problem}"
            if not self.has_ended:
                self.end_guest()


def watch(guest, command, program, process_of, environment=None, network=None, record=None):
    """Runs `command`; `process_of(popen)` gives (process, start) of QEMU once that is known, or None."""
    sample = Sample()
    began = time.monotonic()
    popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    output = bytearray()
    line_start = 0
    known = None
    descriptor = popen.stdout.fileno()
    session = client = None
    if program.client:
        session = Session(guest, sample, popen, program, lambda _: process_of(popen) or (popen.pid, began), network, record)
        client = threading.Thread(target=session.run, daemon=True)
        client.start()
    while True:
        left = program.seconds - (time.monotonic() - began)
        readable, _, _ = select.select([descriptor], [], [], max(left, 0))
        if not readable:
            sample.timed_out = True
            popen.kill()     # moka's QEMU dies with it
            break
        data = os.read(descriptor, 65536)
        if not data:
            break
        output += data
        if b"\n" not in data:
            continue
        try:
            known = known or process_of(popen) or (popen.pid, began)
            now = (cpu_seconds(known[0]), time.monotonic() - known[1])
        except OSError:   # it ended between the line and our look at it
            continue
        while (end := output.find(b"\n", line_start)) >= 0:
            sample.lines.append((output[line_start:end].decode(errors="replace").rstrip("\r"), *now))
            line_start = end + 1
    popen.stdout.close()
    if client:
        session.has_ended = True
        client.join(CLIENT_PATIENCE)
    _, status, usage = os.wait4(popen.pid, 0)
    popen.returncode = os.waitstatus_to_exitcode(status)
    sample.status = 0 if sample.ended_by_client else popen.returncode
    sample.cpu_whole = usage.ru_utime + usage.ru_stime
    sample.wall_whole = time.monotonic() - began
    sample.resident_mib = usage.ru_maxrss / 1024
    sample.output = output.decode(errors="replace").replace("\r\n", "\n")
    if session and session.failure:
        sample.output += f"client: {session.failure}\n"
        sample.client_failed = True
    return sample


class Mokapot:
    """`without`: a feature of the kernel's that its command line turns off."""

    def __init__(self, moka, kernel, jdk, records, network, without=""):
        self.moka, self.kernel, self.jdk, self.records, self.network = moka, kernel, jdk, records, network
        self.name = f"without-{without}" if without else "mokapot"
        self.kernel_options = f"mokapot.{without}=off" if without else ""

    def record(self, program):
        return self.records / (program.name if self.name == "mokapot" else f"{program.name}-{self.name}")

    def run(self, program):
        record = self.record(program)
        record.mkdir(parents=True, exist_ok=True)
        (record / "process").unlink(missing_ok=True)
        network = self.network if program.client else None
        # The folder for artifacts goes with its VM, and the same machine is to run the other guests.
        command = [*(network.prefix if network else ()), str(self.moka), "run", "--artifacts", "none",
                   "-m", str(program.memory), "-c", str(program.cpus),
                   *(["--kernel", str(self.kernel)] if self.kernel else []),
                   *(["--jdk", self.jdk] if self.jdk else []),
                   *(network.words(program) if network else ()), *program.words]

        def process_of(_popen):
            file = record / "process"
            # The file's time is the wall clock's; the difference to now is what we want of it.
            age = time.time() - file.stat().st_mtime
            return int(file.read_text()), time.monotonic() - age

        environment = dict(os.environ, MOKA_QEMU=str(RECORDER), MOKA_BENCH_RECORD=str(record),
                           MOKA_BENCH_QEMU=shutil.which(QEMU) or QEMU)
        if self.kernel_options:
            environment["MOKA_KERNEL_OPTIONS"] = self.kernel_options
        return watch(self.name, command, program, process_of, environment, network, record)


def monitor_words(record):
    """The recorder gives Mokapot's QEMU the same."""
    return ["-qmp", f"unix:{record}/monitor,server=on,wait=off"]


def machine_of(record, kernel, initrd, command_line, program, network):
    """moka's QEMU command with another kernel. Channels go nowhere but for the serial port: stdout. The command
    line gets the addresses that moka gave, for init to read."""
    words = (record / "arguments").read_bytes().split(b"\0")[:-1]
    words = [word.decode() for word in words]
    result = [shutil.which(QEMU) or QEMU]
    # Room for a second processor, as moka gives it: without, the translator spares both sides different things.
    replaced = {"-kernel": kernel, "-initrd": initrd, "-append": None, "-m": program.memory,
                "-smp": f"{program.cpus},maxcpus={max(program.cpus, 2)}"}
    index, disks = 0, {}
    while index < len(words):
        word, value = words[index], words[index + 1] if index + 1 < len(words) else ""
        # What Mokapot maps is a disk to the others.
        if word == "-object" and value.startswith("memory-backend-file,"):
            options = dict(option.split("=", 1) for option in value.split(",")[1:])
            disks[options["id"]] = options["mem-path"]
            index += 2
            continue
        if word == "-device" and value.startswith("ivshmem-plain,memdev="):
            name = value.split(",")[1][len("memdev="):]
            result += ["-drive", f"if=none,id={name},format=raw,readonly=on,file={disks[name]}",
                       "-device", f"virtio-blk-device,drive={name},serial={name}"]
            index += 2
            continue
        if word == "-machine":
            value = value.replace(",pcie=on", "")
            result += [word, value]
            index += 2
            continue
        if word == "-append" and command_line:
            command_line = " ".join([command_line, *(part for part in value.split() if part.startswith(ADDRESSES))])
        if word in replaced:
            if replaced[word] is not None:
                result += [word, str(replaced[word])]
            index += 2
        elif word == "-chardev" and value.startswith("socket,id="):
            name = value.split(",")[1][len("id="):]
            result += [word, f"stdio,id={name},signal=off" if name == "serial" else f"null,id={name}"]
            index += 2
        elif word == "-netdev" and network:
            result += [word, network.netdev(value, program)]
            index += 2
        else:
            result.append(word)
            index += 1
    return result + (["-append", command_line] if command_line else []) + monitor_words(record)


class OtherKernel:
    """A guest on the machine that moka recorded for the program: Mokapot must have run it before."""

    def __init__(self, records, network):
        self.records, self.network = records, network

    def configuration(self, program):
        return (self.records / program.name / "configuration").read_bytes()

    def run_kernel(self, program, kernel, initrd, command_line):
        record = self.records / program.name
        network = self.network if program.client else None
        command = [*(network.prefix if network else ()),
                   *machine_of(record, kernel, initrd, command_line, program, network)]
        sample = watch(self.name, command, program, lambda popen: None, None, network, record)
        # The debug-exit device turns N into 2N + 1.
        if not sample.ended_by_client:
            sample.status = sample.status >> 1 if sample.status > 0 and sample.status & 1 else -1
        return sample


class Linux(OtherKernel):
    def __init__(self, records, network, guest, command_line, name="linux"):
        super().__init__(records, network)
        self.name = name
        self.guest, self.command_line = guest, command_line

    def run(self, program):
        initrd = self.guest.initrd(program.name, self.configuration(program), bool(program.client))
        return self.run_kernel(program, self.guest.kernel, initrd, self.command_line)


class Empty(OtherKernel):
    """QEMU's own start. The kernel never ends by itself: what counts is its one line."""
    name = "empty"

    def __init__(self, records, kernel):
        super().__init__(records, None)
        self.kernel = kernel

    def run(self, program):
        record = self.records / program.name
        program = dataclasses.replace(program, marks=("empty",), seconds=2)
        sample = self.run_kernel(program, self.kernel, record / "configuration", "")
        sample.timed_out, sample.status = False, 0 if sample.lines else -1
        return sample
