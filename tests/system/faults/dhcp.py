# SPDX-License-Identifier: Apache-2.0
"""Servers of addresses, for the lab's end: DHCP that can lie, fall silent and refuse, and router advertisements."""

import contextlib
import random
import socket
import struct
import threading

from system.faults import lab, packets

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
COOKIE = b"\x63\x82\x53\x63"
ALL_NODES = b"\x33\x33\0\0\0\1"


def parse_options(data):
    found, at = {}, 240
    while at + 1 < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2:at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


class DhcpServer:
    """Gives out `address`. `seen` is what clients said: (kind, the address that they have, whether it was sent to
    everybody)."""

    def __init__(self, address, lease=3600, nonsense=0, seed=1):
        self.address, self.lease, self.nonsense = address, lease, nonsense
        self.mute = self.refusing = False
        self.seen = []
        self._chance = random.Random(seed)
        self._ended = threading.Event()
        self._change = threading.Condition()

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"far")
        self._socket.bind(("0.0.0.0", 67))
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def wait(self, condition, seconds):
        """Until something was seen of which `condition(kind, address, broadcast)` holds; False: not in that time."""
        with self._change:
            return self._change.wait_for(lambda: any(condition(*one) for one in self.seen), seconds)

    def forget(self):
        with self._change:
            self.seen.clear()

    def _serve(self):
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                data, _ = self._socket.recvfrom(2048)
                if len(data) > 240 and data[0] == 1:
                    self._answer(data)

    def _answer(self, data):
        options = parse_options(data)
        kind, has = options.get(53, b"\0")[0], socket.inet_ntoa(data[12:16])
        with self._change:
            self.seen.append((kind, has, data[12:16] == bytes(4)))
            self._change.notify_all()
        if self.mute or kind not in (DISCOVER, REQUEST):
            return
        wanted = socket.inet_ntoa(options.get(50, data[12:16]))
        if kind == DISCOVER:
            answer = OFFER
        elif self.refusing or wanted != self.address:
            answer = NAK
        else:
            answer = ACK
        good = self._message(data, answer)
        for _ in range(self.nonsense):
            self._send(self._bend(good))
        self._send(good)

    def _message(self, request, kind):
        given = bytes(4) if kind == NAK else packets.address4(self.address)
        here = packets.address4(lab.HOST4)
        message = b"\2\1\6\0" + request[4:8] + bytes(8) + given + here + bytes(4) + request[28:44] + bytes(192) + COOKIE
        message += bytes((53, 1, kind, 54, 4)) + here
        if kind != NAK:
            message += bytes((51, 4)) + struct.pack("!I", self.lease) + b"\1\4\xff\xff\xff\0" + b"\3\4" + here + b"\6\4" + here
        return message + b"\xff"

    def _bend(self, message):
        """With the right transaction, and something wrong."""
        message = bytearray(message)
        for _ in range(self._chance.choice((1, 2, 5))):
            at = self._chance.randrange(236, len(message))  # the cookie and the options
            message[at] = self._chance.choice((0, 1, 4, 53, 255, self._chance.randrange(256)))
        if self._chance.random() < 0.4:
            del message[self._chance.randrange(28, len(message)):]
        # What it offers must not be believed to be the right thing.
        message[16:20] = packets.address4("0.0.0.0")
        return bytes(message)

    def _send(self, message):
        with contextlib.suppress(OSError):
            self._socket.sendto(message, ("255.255.255.255", 68))


class Router:
    """Advertises a prefix on the link, every second."""

    def __init__(self, prefix):
        self._prefix = packets.address6(prefix)
        self._ended = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._advertise)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _advertise(self):
        source, to = packets.address6("fe80::1"), packets.address6("ff02::1")
        prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 1800, 900, 0, self._prefix)
        with packets.Wire("far") as wire:
            body = struct.pack("!BBHII", 64, 0, 0, 0, 0) + prefix + b"\1\1" + wire.address
            message = packets.icmp6(source, to, 134, 0, body)
            frame = packets.ethernet(ALL_NODES, wire.address, packets.IPV6, packets.ipv6(source, to, packets.ICMP6, message))
            while not self._ended.wait(1):
                wire.send(frame)
