# SPDX-License-Identifier: Apache-2.0
"""Name servers for the lab's end, by UDP and TCP: right ones, and such as answer nonsense first, cut off, or never."""

import contextlib
import random
import socket
import struct
import threading

from system.faults import guest as g
from system.faults import lab
from system.faults.guest import want

ANSWER = "198.51.100.7"
A, AAAA = 1, 28
TRUNCATED = 0x0200


def question_of(query):
    """Where the question ends, and its type."""
    at = 12
    while query[at]:
        at += query[at] + 1
    return at + 5, struct.unpack("!H", query[at + 1:at + 3])[0]


def answer_to(query, flags=0):
    end, kind = question_of(query)
    found = kind == A and not flags
    head = query[:2] + struct.pack("!HHHHH", 0x8180 | flags, 1, int(found), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 0, 4) + socket.inet_aton(ANSWER)
    return head + query[12:end] + (record if found else b"")


class NameServer:
    """`nonsense`: so many bent answers before each right one; `by_tcp`: UDP says only that TCP has the answer."""

    def __init__(self, nonsense=0, by_tcp=False, seed=1):
        self.nonsense, self.by_tcp = nonsense, by_tcp
        self.asked = {"udp": 0, "tcp": 0}
        self._chance = random.Random(seed)
        self._ended = threading.Event()

    def __enter__(self):
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((lab.HOST4, 53))
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind((lab.HOST4, 53))
        self._tcp.listen(8)
        self._threads = [threading.Thread(target=work) for work in (self._serve_udp, self._serve_tcp)]
        for one, thread in zip((self._udp, self._tcp), self._threads):
            one.settimeout(0.1)
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _bend(self, answer):
        bent = bytearray(answer)
        for _ in range(self._chance.choice((1, 2, 8))):
            bent[self._chance.randrange(2, len(bent))] = self._chance.choice((0, 1, 0x3F, 0xC0, 0xFF))
        del bent[self._chance.randrange(2, len(bent) + 1):]
        return bytes(bent) + self._chance.randbytes(self._chance.choice((0, 0, 3, 600)))

    def _serve_udp(self):
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                query, client = self._udp.recvfrom(2048)
                self.asked["udp"] += 1
                right = answer_to(query, TRUNCATED if self.by_tcp else 0)
                for _ in range(self.nonsense):
                    self._udp.sendto(self._bend(right), client)
                self._udp.sendto(right, client)

    def _serve_tcp(self):
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection, _ = self._tcp.accept()
                with connection:
                    connection.settimeout(5)
                    while size := connection.recv(2, socket.MSG_WAITALL):
                        query = connection.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)
                        self.asked["tcp"] += 1
                        right = answer_to(query)
                        connection.sendall(struct.pack("!H", len(right)) + right)


def resolve(vm, name):
    return vm.ask(f"resolve {name}", f"resolve {name} ")


def name_servers(net, vm, mode):
    """Nonsense may cost an answer, and nothing else; a short answer leads to TCP; nobody there is a failure in time."""
    with g.nothing_is_kept(vm):
        with NameServer() as server:
            want(resolve(vm, "right.example") == ANSWER, "a name was not resolved")
            server.nonsense = 20
            for number in range(10 if mode == "test" else 200):
                resolve(vm, f"nonsense{number}.example")  # whatever the resolver makes of it
            server.nonsense = 0
            want(resolve(vm, "after.example") == ANSWER, "no name is resolved after nonsense")
            server.by_tcp = True
            want(resolve(vm, "long.example") == ANSWER, "a name was not resolved by TCP")
            want(server.asked["tcp"] > 0, "TCP was not tried: the test tests nothing")
        want(resolve(vm, "nobody.example") == "failed", "a name was resolved without a server")


CASES = [("name servers that answer nonsense", name_servers)]
