# SPDX-License-Identifier: Apache-2.0
"""A small name server (RFC 1035) over UDP and TCP for one zone, mokapot.test. Answers that do not fit into a datagram
are cut short there, so that whoever asks has to come again by TCP. Run as a program, it serves at 127.0.0.1:53."""

import contextlib
import ipaddress
import os
import select
import socketserver
import struct
import subprocess
import sys
import threading

A, CNAME, PTR, AAAA = 1, 5, 12, 28
NO_ERROR, SERVER_FAILURE, NAME_ERROR = 0, 2, 3
MOST_BY_DATAGRAM = 512
ZONE = "mokapot.test"


def address(text):
    packed = ipaddress.ip_address(text).packed
    return (A if len(packed) == 4 else AAAA), packed


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


# {name: [(type, data)]}; a name without records exists all the same.
RECORDS = {
    "plain": [address("192.0.2.1")],
    "both": [address("192.0.2.2"), address("2001:db8::2")],
    "six": [address("2001:db8::3")],
    "alias": [(CNAME, encode(f"both.{ZONE}"))],
    "truncated": [address(f"192.0.2.{n}") for n in range(1, 61)],
    "many": [address(f"198.51.100.{n}") for n in range(1, 255)] + [address(f"2001:db8:1::{n:x}") for n in range(1, 200)],
    "empty": [],
} | {f"number{n}": [address(f"203.0.113.{n + 1}")] for n in range(20)}
BACKWARDS = {"1.2.0.192.in-addr.arpa": [(PTR, encode(f"plain.{ZONE}"))]}


def decode(message, at):
    """The name at that place, and the place after it. Questions are not compressed."""
    labels = []
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def find(name, kind):
    """(code, [(name, type, data)])"""
    if name == f"broken.{ZONE}":
        return SERVER_FAILURE, []
    own = RECORDS.get(name.removesuffix(f".{ZONE}")) if name.endswith(f".{ZONE}") else BACKWARDS.get(name)
    if own is None:
        return NAME_ERROR, []
    found = [(name, of, data) for of, data in own if of in (kind, CNAME)]
    if own and own[0][0] == CNAME and kind != CNAME:
        target, _ = decode(own[0][1], 0)
        found += find(target, kind)[1]
    return NO_ERROR, found


def answer(question, most):
    """The message that answers `question`, cut short beyond `most` bytes."""
    number, flags, _, _, _, _ = struct.unpack_from("!6H", question)
    name, end = decode(question, 12)
    kind, _ = struct.unpack_from("!2H", question, end)
    code, found = find(name, kind)
    records = b"".join(encode(owner) + struct.pack("!HHIH", of, 1, 60, len(data)) + data for owner, of, data in found)
    is_cut = end + 4 + len(records) > most
    count = 0 if is_cut else len(found)
    # An answer, authoritative, recursion as asked for.
    header = struct.pack("!6H", number, 0x8480 | flags & 0x100 | (0x200 if is_cut else 0) | code, 1, count, 0, 0)
    return header + question[12:end + 4] + (b"" if is_cut else records)


class ByDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        question, reply_socket = self.request
        reply_socket.sendto(answer(question, MOST_BY_DATAGRAM), self.client_address)


class ByConnection(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(2)) == 2:
            reply = answer(self.rfile.read(*struct.unpack("!H", head)), 65535)
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


class Connections(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def serving(namespace):
    """The server in that network namespace."""
    process = subprocess.Popen(["ip", "netns", "exec", namespace, sys.executable, os.path.abspath(__file__)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "serving\n":
            raise OSError("the name server did not start")
        yield
    finally:
        process.stdin.close()
        process.wait()


def main():
    place = ("127.0.0.1", 53)
    with socketserver.ThreadingUDPServer(place, ByDatagram) as datagrams, Connections(place, ByConnection) as connections:
        for server in (datagrams, connections):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        print("serving", flush=True)
        select.select([sys.stdin], [], [])  # until it is closed
        for server in (datagrams, connections):
            server.shutdown()


if __name__ == "__main__":
    main()
