# SPDX-License-Identifier: Apache-2.0
"""A VM that is stopped for a while and goes on: it is not taken for hung, its timers end, its monotonic clock never steps
back, and its wall clock is right again within five seconds."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from system.system import MOKA, base_environment

STOPPED_SECONDS = {"test": 10, "soak": 40}  # moka gives a VM 30 s to answer
# What the wall clock may differ, beyond what asking for it takes. Under load the host's answer takes long to
# arrive, so the guest knows the time less exactly.
ALLOWED_NANOSECONDS = 50_000_000
PATIENCE = 120


class ClockWatch:
    """tests/guest/c/clock_watch.c in a VM, asked for its clocks."""

    def __init__(self, stack, folder):
        self.qmp_path = str(folder / "qmp")
        self.errors = open(folder / "stderr", "w+b")
        self.process = stack.enter_context(subprocess.Popen(
            [MOKA, "run", "-v", "-c", "2", "--qmp", self.qmp_path, "build/tests/guest/clock_watch"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, env=base_environment()))
        stack.callback(self.process.kill)

    def ask(self):
        """(host's time before, the guest's wall clock, its monotonic clock, host's time after), in nanoseconds"""
        before = time.time_ns()
        self.process.stdin.write(b"?\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 2:
            raise RuntimeError("the VM has ended: " + self.said())
        return before, int(words[0]), int(words[1]), time.time_ns()

    def error(self):
        """How wrong the wall clock is for certain, in nanoseconds."""
        before, wall, _, after = self.ask()
        return max(before - wall, wall - after, 0)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-1500:]

    def qemu(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            if "qemu" in pathlib.Path(f"/proc/{child}/comm").read_text():
                return int(child)
        raise RuntimeError("moka has no QEMU")


@contextlib.contextmanager
def stopped_by_signal(watch):
    os.kill(watch.qemu(), signal.SIGSTOP)
    yield
    os.kill(watch.qemu(), signal.SIGCONT)


@contextlib.contextmanager
def stopped_by_monitor(watch):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(watch.qmp_path)
        lines = connection.makefile("rw")
        lines.readline()

        def execute(command):
            lines.write(json.dumps({"execute": command}) + "\n")
            lines.flush()
            while "return" not in json.loads(lines.readline()):
                pass

        execute("qmp_capabilities")
        execute("stop")
        yield
        execute("cont")


def stop_and_go(results, title, stopped, seconds):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        watch = ClockWatch(stack, pathlib.Path(folder))
        problem, took = "", 0
        try:
            at_first = watch.error()
            if at_first > ALLOWED_NANOSECONDS:
                problem += f"the wall clock is {at_first / 1e6:.0f} ms off at the start\n"
            with stopped(watch):
                time.sleep(seconds)
            resumed = time.monotonic()
            error = watch.error()
            while error > ALLOWED_NANOSECONDS and time.monotonic() - resumed < PATIENCE:
                time.sleep(0.1)
                error = watch.error()
            took = time.monotonic() - resumed  # shown beside the case, not judged: the host may be busy
            if error > ALLOWED_NANOSECONDS:
                problem += f"the wall clock is {error / 1e6:.0f} ms off, {took:.0f} s after the stop\n"
            watch.process.stdin.close()
            rest = watch.process.stdout.read().decode()
            if rest != "steps back: 0, early wakes: 0\n":
                problem += f"the clocks: {rest!r}\n"
            if watch.process.wait(PATIENCE) != 0:
                problem += f"status {watch.process.returncode}\n"
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as failure:
            problem += f"{failure}\n"
        results.check(title, problem and problem + watch.said(), took)


def clock_cases(options):
    seconds = STOPPED_SECONDS[options.mode]
    found = []
    for title, stopped in (("stopped by a signal", stopped_by_signal), ("stopped by the monitor", stopped_by_monitor)):
        if options.only_case in title:
            found.append(lambda results, title=title, stopped=stopped: stop_and_go(results, title, stopped, seconds))
    return found
