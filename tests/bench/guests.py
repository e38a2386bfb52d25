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
import subprocess
import time

RECORDER = pathlib.Path(__file__).resolve().parent / "qemu_recorder.sh"
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


@dataclasses.dataclass
class Sample:
    output: str = ""
    status: int = -1
    timed_out: bool = False
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


def watch(command, program, process_of, environment=None):
    """Runs `command`; `process_of(popen)` gives (process, start) of QEMU once that is known, or None."""
    sample = Sample()
    began = time.monotonic()
    popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    output = bytearray()
    line_start = 0
    known = None
    descriptor = popen.stdout.fileno()
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
    _, status, usage = os.wait4(popen.pid, 0)
    popen.returncode = os.waitstatus_to_exitcode(status)
    sample.status = popen.returncode
    sample.cpu_whole = usage.ru_utime + usage.ru_stime
    sample.wall_whole = time.monotonic() - began
    sample.resident_mib = usage.ru_maxrss / 1024
    sample.output = output.decode(errors="replace").replace("\r\n", "\n")
    return sample


class Mokapot:
    name = "mokapot"

    def __init__(self, moka, kernel, jdk, records):
        self.moka, self.kernel, self.jdk, self.records = moka, kernel, jdk, records

    def record(self, program):
        return self.records / program.name

    def run(self, program):
        record = self.record(program)
        record.mkdir(parents=True, exist_ok=True)
        (record / "process").unlink(missing_ok=True)
        command = [str(self.moka), "run", "-m", str(program.memory), "-c", str(program.cpus),
                   *(["--kernel", str(self.kernel)] if self.kernel else []),
                   *(["--jdk", self.jdk] if self.jdk else []), *program.words]

        def process_of(_popen):
            file = record / "process"
            # The file's time is the wall clock's; the difference to now is what we want of it.
            age = time.time() - file.stat().st_mtime
            return int(file.read_text()), time.monotonic() - age

        environment = dict(os.environ, MOKA_QEMU=str(RECORDER), MOKA_BENCH_RECORD=str(record),
                           MOKA_BENCH_QEMU=shutil.which(QEMU) or QEMU)
        return watch(command, program, process_of, environment)


def machine_of(record, kernel, initrd, command_line, memory, cpus):
    """moka's QEMU command with another kernel. Channels go nowhere but for the serial port: stdout."""
    words = (record / "arguments").read_bytes().split(b"\0")[:-1]
    words = [word.decode() for word in words]
    result = [shutil.which(QEMU) or QEMU]
    replaced = {"-kernel": kernel, "-initrd": initrd, "-append": None, "-m": memory, "-smp": cpus}
    index = 0
    while index < len(words):
        word, value = words[index], words[index + 1] if index + 1 < len(words) else ""
        if word in replaced:
            if replaced[word] is not None:
                result += [word, str(replaced[word])]
            index += 2
        elif word == "-chardev" and value.startswith("socket,id="):
            name = value.split(",")[1][len("id="):]
            result += [word, f"stdio,id={name},signal=off" if name == "serial" else f"null,id={name}"]
            index += 2
        else:
            result.append(word)
            index += 1
    return result + (["-append", command_line] if command_line else [])


class OtherKernel:
    """A guest on the machine that moka recorded for the program: Mokapot must have run it before."""

    def __init__(self, records):
        self.records = records

    def configuration(self, program):
        return (self.records / program.name / "configuration").read_bytes()

    def run_kernel(self, program, kernel, initrd, command_line):
        command = machine_of(self.records / program.name, kernel, initrd, command_line,
                             program.memory, program.cpus)
        sample = watch(command, program, lambda popen: None)
        # The debug-exit device turns N into 2N + 1.
        sample.status = sample.status >> 1 if sample.status > 0 and sample.status & 1 else -1
        return sample


class Linux(OtherKernel):
    def __init__(self, records, guest, command_line, name="linux"):
        super().__init__(records)
        self.name = name
        self.guest, self.command_line = guest, command_line

    def run(self, program):
        initrd = self.guest.initrd(program.name, self.configuration(program))
        return self.run_kernel(program, self.guest.kernel, initrd, self.command_line)


class Empty(OtherKernel):
    """QEMU's own start. The kernel never ends by itself: what counts is its one line."""
    name = "empty"

    def __init__(self, records, kernel):
        super().__init__(records)
        self.kernel = kernel

    def run(self, program):
        record = self.records / program.name
        program = dataclasses.replace(program, marks=("empty",), seconds=2)
        sample = self.run_kernel(program, self.kernel, record / "configuration", "")
        sample.timed_out, sample.status = False, 0 if sample.lines else -1
        return sample
