# SPDX-License-Identifier: Apache-2.0
"""A program that is talked to: by its standard input or terminal, over its ports, by clients and signals. The same
steps are played on the host and in a VM, and what comes back is the transcript."""

import contextlib
import http.client
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
import time

from parts.process import stop
from system.terminal import set_size, take_terminal


class Failure(Exception):
    """A step that did not come to its end."""


class Session:
    """`command` with its streams read all the time; `events` are moka's, where it says them as JSON."""

    def __init__(self, command, env, cwd, terminal, patience):
        self.patience = patience
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self.events = []
        self._change = threading.Condition()
        self._seen = 0
        streams = {}
        if terminal:
            self._input, slave = pty.openpty()
            set_size(slave, 24, 80)
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
                                            preexec_fn=take_terminal)
            os.close(slave)
            streams["stdout"] = os.dup(self._input)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, env=env, cwd=cwd, start_new_session=True)
            self._input = os.dup(self.process.stdin.fileno())
            self.process.stdin.close()
            streams = {name: os.dup(getattr(self.process, name).fileno()) for name in self.output}
            self.process.stdout.close()
            self.process.stderr.close()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams.items()]
        for reader in self._readers:
            reader.start()

    def _read(self, name, stream):
        rest = b""
        while True:
            try:
                data = os.read(stream, 65536)
            except OSError:  # a terminal whose other end is closed
                data = b""
            with self._change:
                if name == "stderr":
                    *lines, rest = (rest + data).split(b"\n") if data else [rest, b""]
                    for line in lines:
                        self._take_error(line + (b"\n" if data else b""))
                else:
                    self.output[name] += data
                self._change.notify_all()
            if not data:
                os.close(stream)
                return

    def _take_error(self, line):
        if line.startswith(b'{"event":'):
            self.events.append(json.loads(line))
        else:
            self.output["stderr"] += line

    def _wait(self, find, what):
        deadline = time.monotonic() + self.patience
        with self._change:
            while (found := find()) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"{what} did not come within {self.patience} s")
                if not any(reader.is_alive() for reader in self._readers) and find() is None:
                    raise Failure(f"{what} did not come: the program ended")
                self._change.wait(min(left, 0.5))
        return found

    def wait_for(self, pattern):
        """Until the program has said `pattern`, on either stream, since the last such wait."""
        compiled = re.compile(pattern.encode(), re.MULTILINE)

        def find():
            found = compiled.search(self.output["stdout"], self._seen)
            if found:
                self._seen = found.end()
                return found
            return compiled.search(self.output["stderr"])
        self._wait(find, f"{pattern!r}")

    def wait_for_port(self, port, in_vm):
        """Until the program listens on `port`: moka says when, on the host one has to try."""
        def published():
            return next((event for event in self.events if event["event"] == "published" and event["guestPort"] == port),
                        None)

        def connects():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                return True
            return None
        self._wait(published if in_vm else connects, f"port {port}")

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self._input, data):]

    def close_input(self):
        if self._input is not None and os.isatty(self._input):
            self.type("\x04")
        elif self._input is not None:
            os.close(self._input)
            self._input = None

    def send_signal(self, name):
        self.process.send_signal(signal.Signals[f"SIG{name}"])

    def wait_for_end(self):
        """The program's status, as a shell sees it."""
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"no end within {self.patience} s") from None
        for reader in self._readers:
            reader.join()
        return status if status >= 0 else 128 - status

    def end(self):
        stop(self.process)
        for reader in self._readers:
            reader.join()
        if self._input is not None:
            os.close(self._input)
            self._input = None


def ask(port, step, patience):
    """One HTTP request, and the answer as text."""
    method, path = step["get"].split(" ", 1) if " " in step["get"] else ("GET", step["get"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request(method, path, step.get("body", "").encode() or None, step.get("headers", {}))
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{step['get']}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()
    return (f"{answer.status} {answer.reason}, {answer.getheader('content-type')}\n"
            + body.decode("utf-8", "backslashreplace"))


def exchange(port, step, patience):
    """Bytes sent over a connection, and what comes back until `until` is in it, or until the end."""
    pattern, got = step.get("until"), b""
    try:
        with socket.create_connection(("127.0.0.1", port), patience) as connection:
            connection.sendall(step["send"].encode())
            while not (pattern and re.search(pattern.encode(), got)):
                data = connection.recv(65536)
                if not data:
                    break
                got += data
    except OSError as error:
        raise Failure(f"{step['send']!r}: {type(error).__name__}: {error}") from None
    return got.decode("utf-8", "backslashreplace")


def play(session, steps, ports, in_vm, client):
    """The transcript. `steps` have their values filled in; `client(words, input)` runs a program on the host."""
    said = []
    for step in steps:
        port = ports.get(step.get("on"))
        if "say" in step:
            session.wait_for(step["say"])
        if "ready" in step:
            session.wait_for_port(ports[step["ready"]], in_vm)
        if "get" in step:
            said.append(f"> {step['get']}\n{ask(port, step, session.patience)}")
        if "send" in step:
            said.append(f"> {step['send']}\n{exchange(port, step, session.patience)}")
        if "client" in step:
            said.append(f"> {' '.join(step['client'])}\n{client(step['client'], step.get('input', ''))}")
        if "type" in step:
            session.type(step["type"])
        if "close" in step:
            session.close_input()
        if "signal" in step:
            session.send_signal(step["signal"])
    return "\n".join(said)
