# SPDX-License-Identifier: Apache-2.0
"""A VM with the fault tests' server in it (tests/system/java/faults), and what it says of itself."""

import contextlib
import hashlib
import http.client
import os
import random
import signal
import socket
import time

from system.faults import lab
from system.network_vm import Failure, Vm

JAR = "build/tests/system/faults.jar"
PORT = 7000
HELD, KEPT_ALIVE, WEB = PORT + 1, PORT + 2, PORT + 3
PATIENCE = 240  # of a client, in seconds: a host may be busy, and a lost segment's second try takes its time
# The heap is all there from the beginning: what anonymous memory grows by later is not the collector's taste.
JVM = ["-J", "-Xms96m", "-J", "-Xmx96m", "-J", "-XX:+AlwaysPreTouch", "-J", "-XX:+UseSerialGC",
       "-J", "-XX:+ErrorFileToStdout"]
STATIC = ["--ip", f"{lab.GUEST4}/{lab.PREFIX4}", "--ip", f"{lab.GUEST6}/{lab.PREFIX6}", "--gateway", lab.HOST4,
          "--dns", lab.HOST4]

# Kernel memory that is no connection's: caches of its heap, and buffers that wait for packets.
SLACK_KIB = 3072
LATE = 10  # the longest that an answer may be under way, in seconds: the host may be busy
SETTLING = 90  # how long what has ended may take to be gone, in seconds


def want(condition, problem):
    if not condition:
        raise Failure(problem)


class Guest(Vm):
    """The server in a VM at tap `vm`."""

    def __init__(self, jdk, words=(), memory=512):
        super().__init__(["--jdk", jdk, "-c", "2", "-m", str(memory), "--net", "tap:vm", *words, *JVM, "-cp", JAR,
                          "FaultServer", str(PORT)], patience=PATIENCE, preexec=lambda: lab.die_with_parent(signal.SIGTERM))

    def serving(self):
        self.line("serving")
        return self

    def ask(self, command, answer=None):
        """The rest of the line that answers."""
        answer = answer or command.split()[0]
        seen = sum(line.startswith(answer) for line in self.lines)
        self.tell(command)
        return self.line(answer, after=seen)[len(answer):].strip()

    def report(self):
        words = dict(word.split("=") for word in self.ask("report").split())
        numbers = {name: int(value) for name, value in words.items()}
        numbers["kernel"] = numbers["MemTotal"] - numbers["MemFree"] - numbers["Cached"] - numbers["AnonPages"]
        return numbers

    def evidence(self):
        self.lines = [line for line in self.lines if not line.startswith("report ")]
        return super().evidence()

    def addresses(self):
        return [word.partition("%")[0] for word in self.ask("addresses").split()]


def leaks(before, now):
    """What of `before` is not back, in words."""
    more = []
    for name in ("descriptors", "connections", "TCP:inuse", "UDP:inuse", "TCP:orphan", "threads"):
        if now[name] > before[name]:
            more.append(f"{name} {before[name]} -> {now[name]}")
    # Half a KiB for each that waits for stray packets: a minute, by design.
    waiting = max(0, now["TCP:tw"] - before["TCP:tw"])
    grown = now["kernel"] - before["kernel"] - waiting
    if grown > SLACK_KIB:
        more.append(f"kernel memory {before['kernel']} -> {now['kernel']} KiB with {waiting} more in TIME_WAIT")
    return ", ".join(more)


@contextlib.contextmanager
def nothing_is_kept(guest):
    """What the block made the VM hold is given back after it."""
    deadline = time.monotonic() + SETTLING
    while (before := guest.report())["connections"] != 0:  # what came before is just ending
        want(time.monotonic() < deadline, f"{before['connections']} connections of earlier cases are still there")
        time.sleep(0.2)
    yield before
    deadline = time.monotonic() + SETTLING
    while left := leaks(before, guest.report()):
        want(time.monotonic() < deadline, f"not given back within {SETTLING} s: {left}")
        time.sleep(0.5)


# --- Clients --------------------------------------------------------------------------------------

def connect(address, port=PORT, source=None):
    return socket.create_connection((address, port), PATIENCE, source_address=source)


def read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        want(byte, f"the connection ended in the middle of a line: {line}")
        line += byte
    return line.decode().strip()


def put(connection, data):
    connection.sendall(b"put %d\n" % len(data))
    connection.sendall(data)
    want(read_line(connection) == hashlib.sha256(data).hexdigest(), f"{len(data)} bytes arrived changed in the VM")


def ask_for(connection, size, seed):
    connection.sendall(b"get %d %d\n" % (size, seed))


def receive(connection, size):
    digest = hashlib.sha256()
    left = size
    while left:
        data = connection.recv(min(left, 65536))
        want(data, f"the connection ended {left} of {size} bytes early")
        digest.update(data)
        left -= len(data)
    want(read_line(connection) == digest.hexdigest(), f"{size} bytes from the VM arrived changed")


def get(connection, size, seed=1):
    ask_for(connection, size, seed)
    receive(connection, size)


def echo(connection, data):
    connection.sendall(b"echo %d\n" % len(data) + data)
    back = b""
    while len(back) < len(data):
        piece = connection.recv(len(data) - len(back))
        want(piece, "the connection ended in an echo")
        back += piece
    want(back == data, f"an echo of {len(data)} bytes came back changed")


def works(address, size=100_000, seed=1):
    """Data both ways on a connection of its own."""
    with connect(address) as connection:
        echo(connection, b"x")
        put(connection, random.Random(seed).randbytes(size))
        get(connection, size, seed)


def take_until(client, take, enough):
    """Takes what arrives at a socket until `enough()`, or until nothing came for so long that nothing will."""
    client.settimeout(0.5)
    deadline = time.monotonic() + LATE
    while not enough() and time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            take()
            deadline = time.monotonic() + LATE


def datagrams(address, sizes, patience=1.0, excused=lambda: 0):
    """How many of the datagrams came back; one that did and was not sent is a failure. `patience`: for each of them
    before the next is sent, in seconds; `excused()`: how many need not come."""
    family = socket.AF_INET6 if lab.is_ipv6(address) else socket.AF_INET
    sent = [random.Random(number).randbytes(4) + number.to_bytes(4) + os.urandom(max(0, size - 8))
            for number, size in enumerate(sizes)]
    known, back = set(sent), set()
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect(socket.getaddrinfo(address, PORT, family, socket.SOCK_DGRAM)[0][4])

        def take():
            answer = client.recv(65535)
            want(answer in known, f"a datagram of {len(answer)} bytes came back changed")
            back.add(answer)
        for data in sent:
            client.settimeout(patience)
            client.send(data)
            with contextlib.suppress(TimeoutError):
                take()
        take_until(client, take, lambda: len(back) + excused() >= len(sent))
    return len(back)


# --- HTTP -----------------------------------------------------------------------------------------

def web(address):
    return http.client.HTTPConnection(address, WEB, timeout=PATIENCE)


def download(connection, size):
    connection.request("GET", f"/bytes?{size}")
    answer = connection.getresponse()
    body = answer.read()
    want(answer.status == 200 and len(body) == size, f"status {answer.status}, {len(body)} of {size} bytes")
    want(answer.headers["Digest"] == hashlib.sha256(body).hexdigest(), f"{size} bytes by HTTP arrived changed")


def upload(connection, body):
    connection.request("POST", "/digest", body)
    answer = connection.getresponse().read().decode()
    want(answer == hashlib.sha256(body).hexdigest(), f"{len(body)} bytes by HTTP arrived changed in the VM")
