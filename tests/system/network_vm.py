# SPDX-License-Identifier: Apache-2.0
"""A VM with a server in it, watched through what `moka --output json` says."""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import threading
import time

from parts.process import stop
from system.jvm_crash import JVM_OPTION, crash_report
from system.system import MOKA, base_environment


def free_port(count=1):
    """The first of `count` host ports in a row that nobody has, on 127.0.0.1 and ::1."""
    for first in range(23000 + os.getpid() % 4000, 32000, 16):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    hold_port(port, stack)
                return first
            except OSError:
                continue
    raise OSError("no free ports")


def hold_port(port, stack):
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", port))
    holder.listen(1)
    return holder


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


class Failure(Exception):
    """What a VM or its program did wrong."""


class Vm:
    """Runs `words` and collects the program's lines and moka's events; ends it at the end of the block."""

    def __init__(self, words, patience=150, prefix=(), env=None, preexec=None):
        is_java = any(word == "-cp" or word.endswith(".jar") for word in words)
        self.command = [*prefix, MOKA, "run", "--output", "json", *(("-J", JVM_OPTION) if is_java else ()), *words]
        self.patience = patience
        self.lines = []   # of standard output
        self.events = []  # of moka
        self.noise = []   # the rest of standard error
        self.env = base_environment() | (env or {})
        self.preexec = preexec
        self._change = threading.Condition()

    def __enter__(self):
        self.start = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=self.env, start_new_session=True,
                                        preexec_fn=self.preexec)
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self._take_line), (self.process.stderr, self._take_error))]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        stop(self.process)
        for reader in self._readers:
            reader.join()

    def _read(self, stream, take):
        for line in stream:
            with self._change:
                take(line.decode(errors="replace").rstrip("\n"))
                self._change.notify_all()
        with self._change:
            self._change.notify_all()

    def _take_line(self, line):
        self.lines.append(line)

    def _take_error(self, line):
        if line.startswith('{"event":'):
            self.events.append(json.loads(line))
        else:
            self.noise.append(line)

    def _wait(self, find, what):
        deadline = time.monotonic() + self.patience
        with self._change:
            while (found := find()) is None:
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not any(reader.is_alive() for reader in self._readers)
                if left <= 0 or ended:
                    raise Failure(f"{what} did not come" + (f": the VM ended with {self.process.returncode}" if ended else
                                                            f" within {self.patience} s"))
                self._change.wait(min(left, 1))
        return found

    def event(self, kind, after=0, **members):
        """The first event of that kind with these members, from the `after`th on."""
        def find():
            return next((event for event in self.events[after:] if event["event"] == kind and
                         all(event.get(name) == value for name, value in members.items())), None)
        return self._wait(find, f"the event {kind} {members}")

    def published(self, guest_port, address="127.0.0.1", after=0):
        return self.event("published", after, guestPort=guest_port, address=address)

    def line(self, beginning, after=0):
        """The first line of standard output that begins so, behind the first `after` of them."""
        def find():
            return next(itertools.islice((line for line in self.lines if line.startswith(beginning)), after, None), None)
        return self._wait(find, f"the line {beginning!r}")

    def wait_for_lines(self, holds, what):
        """Until `holds` of the lines of standard output."""
        self._wait(lambda: holds(self.lines) or None, what)

    def said(self, text):
        """The first line of standard error with that text in it, which is not moka's."""
        return self._wait(lambda: next((line for line in self.noise if text in line), None), f"{text!r} on stderr")

    def tell(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def finish(self):
        """Ends the program's input and waits for its own end; its status."""
        self.process.stdin.close()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            raise Failure("no end within 60 s") from None

    def wait_for_end(self):
        """The program ends by itself; its status."""
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"no end within {self.patience} s") from None
        for reader in self._readers:
            reader.join()
        return status

    def evidence(self):
        """For a report of a failure."""
        return "\n".join([" ".join(self.command), f"after {time.monotonic() - self.start:.1f} s",
                          *map(json.dumps, self.events[-8:]), "stdout:", *(crash_report(self.lines) or self.lines[-10:]), "stderr:", *self.noise[-40:]])
