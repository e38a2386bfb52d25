# SPDX-License-Identifier: Apache-2.0
"""Frames made by hand, right or wrong, and a way to put them on the wire."""

import re
import socket
import struct
import subprocess
import time

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BROADCAST = b"\xff" * 6
ETH_P_ALL = 3
PACKET_OUTGOING = 4


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def address4(text):
    return socket.inet_pton(socket.AF_INET, text)


def address6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def ethernet(to, source, kind, payload):
    return to + source + struct.pack("!H", kind) + payload


def ipv4(source, to, protocol, payload, identifier=0, fragment=0, ttl=64):
    """`fragment`: flags and offset as they stand in the header."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identifier, fragment, ttl, protocol, 0, source, to)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, to, next_header, payload, hops=255):
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, hops) + source + to + payload


def pseudo(source, to, protocol, size):
    if len(source) == 4:
        return source + to + struct.pack("!BBH", 0, protocol, size)
    return source + to + struct.pack("!II", size, protocol)


def summed(source, to, protocol, segment, at):
    """The segment with its checksum at offset `at`."""
    value = checksum(pseudo(source, to, protocol, len(segment)) + segment)
    if protocol == UDP and value == 0:
        value = 0xFFFF
    return segment[:at] + struct.pack("!H", value) + segment[at + 2:]


def tcp(source, to, source_port, port, flags, sequence=0, acknowledged=0, options=b"", payload=b"", window=64240):
    head = struct.pack("!HHIIBBHHH", source_port, port, sequence, acknowledged, (5 + len(options) // 4) << 4, flags,
                       window, 0, 0)
    return summed(source, to, TCP, head + options + payload, 16)


def udp(source, to, source_port, port, payload=b""):
    return summed(source, to, UDP, struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload, 6)


def icmp(kind, code, payload):
    message = struct.pack("!BBH", kind, code, 0) + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def icmp6(source, to, kind, code, payload):
    return summed(source, to, ICMP6, struct.pack("!BBH", kind, code, 0) + payload, 2)


def hardware_address(interface):
    shown = subprocess.run(["ip", "link", "show", interface], capture_output=True, text=True, check=True).stdout
    return bytes.fromhex(re.search(r"link/ether ([0-9a-f:]+)", shown)[1].replace(":", ""))


class Wire:
    """An interface as a wire: frames out, and those that come in (not those that this end's own stack sends)."""

    def __init__(self, interface):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((interface, ETH_P_ALL))
        self.address = hardware_address(interface)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, frame):
        try:
            self._socket.send(frame)
        except OSError:  # the interface's queue is full, or the frame is none to it: lost, as on a wire
            time.sleep(0)

    def arrived(self, seconds=0.0):
        """Frames from the other side, until none has come for `seconds`."""
        self._socket.settimeout(seconds or None)
        if not seconds:
            self._socket.setblocking(False)
        try:
            while True:
                frame, place = self._socket.recvfrom(65536)
                if place[2] != PACKET_OUTGOING:
                    yield frame
        except (BlockingIOError, TimeoutError):
            return


def neighbour(address, interface="far"):
    """The hardware address that this end's stack has learnt for it."""
    shown = subprocess.run(["ip", "neigh", "show", address, "dev", interface], capture_output=True, text=True).stdout
    found = re.search(r"lladdr ([0-9a-f:]+)", shown)
    if not found:
        raise OSError(f"{address} is not known here: {shown}")
    return bytes.fromhex(found[1].replace(":", ""))
