# SPDX-License-Identifier: Apache-2.0
"""Packets that no stack would send, of every protocol that a VM listens to, from a seeded generator.

Each begins as a packet that makes sense and is bent: fields at their ends, lengths that lie, options without end,
bytes changed and cut off. Most have right checksums, since a wrong one hides the rest from the receiver.

Left out is what a stack has to believe (ARP, neighbour and router advertisements in the name of this end or of the
router): those are not malformed, and an attacker on the link may redirect what he likes.
"""

import random
import struct

from system.faults import guest as g
from system.faults import lab, packets

FORGED4 = "10.77.0.200"
FORGED6 = "fd77::200"
ENDS = (0, 1, 4, 5, 7, 8, 15, 19, 20, 21, 40, 59, 60, 127, 128, 255)


class Generator:
    def __init__(self, seed, to, source):
        self.chance = random.Random(seed)
        self.to, self.source = to, source
        self.a4, self.b4 = packets.address4(FORGED4), packets.address4(lab.GUEST4)
        self.a6, self.b6 = packets.address6(FORGED6), packets.address6(lab.GUEST6)
        self.kinds = [self.tcp, self.tcp_options, self.udp, self.dhcp, self.dns, self.icmp, self.icmp6, self.neighbour,
                      self.ip_header, self.ip_fragments, self.ip6_extensions, self.ip6_fragments, self.arp, self.igmp,
                      self.noise]

    # --- Bending ---
    def some(self, most):
        return self.chance.randbytes(self.chance.randrange(most))

    def number(self, bits):
        return self.chance.choice((0, 1, (1 << bits) - 1, 1 << bits - 1, self.chance.randrange(1 << bits),
                                   self.chance.choice(ENDS) % (1 << bits)))

    def bend(self, data):
        data = bytearray(data)
        for _ in range(self.chance.choice((0, 1, 1, 2, 5))):
            if data:
                data[self.chance.randrange(len(data))] = self.chance.choice((*ENDS, self.chance.randrange(256)))
        if self.chance.random() < 0.3:
            del data[self.chance.randrange(len(data) + 1):]
        return bytes(data)

    def options(self, kinds):
        """Type, length, value: with lengths that need not be true."""
        data = b""
        while len(data) < 40 and self.chance.random() < 0.8:
            value = self.some(12)
            size = len(value) + 2 if self.chance.random() < 0.6 else self.number(8)
            data += bytes((self.chance.choice(kinds), size)) + value
        return data[:40]

    # --- Frames ---
    def frame(self, kind, payload):
        return packets.ethernet(self.to, self.source, kind, payload)

    def in_ip(self, protocol, make):
        """`make(source, to)` gives what IP of either version is to carry."""
        if self.chance.random() < 0.5:
            return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, protocol, make(self.a4, self.b4)))
        return self.frame(packets.IPV6, packets.ipv6(self.a6, self.b6, protocol, make(self.a6, self.b6)))

    def port(self):
        return self.chance.choice((g.PORT, g.HELD, g.WEB, self.number(16)))

    def tcp(self):
        def make(source, to):
            segment = bytearray(packets.tcp(source, to, self.number(16), self.port(), self.chance.randrange(64),
                                            self.number(32), self.number(32), payload=self.some(1200)))
            segment[12] = self.number(4) << 4 | segment[12] & 15
            if self.chance.random() < 0.1:
                del segment[self.chance.randrange(20):]
            if len(segment) < 18:
                return bytes(segment)
            segment[16:18] = b"\0\0"
            return packets.summed(source, to, packets.TCP, bytes(segment), 16)
        return self.in_ip(packets.TCP, make)

    def tcp_options(self):
        def make(source, to):
            options = self.options((0, 1, 2, 3, 4, 5, 8, 19, 34, 253))
            options += bytes(-len(options) % 4)
            return packets.tcp(source, to, self.number(16), self.port(), packets.SYN, self.number(32), options=options)
        return self.in_ip(packets.TCP, make)

    def udp(self):
        def make(source, to):
            datagram = packets.udp(source, to, self.number(16), g.PORT, self.some(1400))
            if self.chance.random() < 0.5:
                datagram = datagram[:4] + struct.pack("!H", self.number(16)) + b"\0\0" + datagram[8:]
                datagram = packets.summed(source, to, packets.UDP, datagram, 6)
            return datagram
        return self.in_ip(packets.UDP, make)

    def dhcp(self):
        head = struct.pack("!BBBBIHH4s4s4s4s", 2, 1, 6, 0, self.number(32), 0, 0, self.a4, self.b4, self.a4, self.a4)
        message = head + self.to + bytes(10) + self.some(192).ljust(192, b"\0") + b"\x63\x82\x53\x63" + bytes((53, 1, 5))
        message += b"".join(bytes((self.chance.choice((1, 3, 6, 15, 26, 51, 52, 54, 58, 59)), self.number(8))) + self.some(40)
                            for _ in range(5))
        return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, packets.UDP,
                                                     packets.udp(self.a4, self.b4, 67, 68, self.bend(message))))

    def dns(self):
        answer = struct.pack("!HHHHHH", self.number(16), 0x8180, 1, self.number(16), self.number(16), 0) + b"\xc0\x0c" * 40
        return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, packets.UDP, packets.udp(
            self.a4, self.b4, 53, self.number(16), self.bend(answer + self.some(400)))))

    def icmp(self):
        inner = packets.ipv4(self.b4, self.a4, packets.TCP, packets.tcp(self.b4, self.a4, g.PORT, 4000, packets.ACK))
        body = self.bend(struct.pack("!HH", self.number(16), self.number(16)) + self.chance.choice((inner, self.some(900))))
        message = packets.icmp(self.chance.choice((0, 3, 4, 5, 8, 11, 12, 13, 17, self.number(8))), self.number(8), body)
        return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, packets.ICMP, message))

    def icmp6(self):
        inner = packets.ipv6(self.b6, self.a6, packets.TCP, packets.tcp(self.b6, self.a6, g.PORT, 4000, packets.ACK))
        body = self.bend(struct.pack("!I", self.number(32)) + self.chance.choice((inner, self.some(900))))
        # 134 is a router's, 137 a redirect: with right options these are to be believed.
        kind = self.chance.choice((1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 138, 139, 140, 143, 151, 200, 255))
        return self.frame(packets.IPV6, packets.ipv6(self.a6, self.b6, packets.ICMP6,
                                                     packets.icmp6(self.a6, self.b6, kind, self.number(8), body)))

    def neighbour(self):
        """Neighbour discovery and router advertisements with options that lie; prefixes are not on this link."""
        kind = self.chance.choice((133, 134, 135, 136, 137))
        body = {133: bytes(4), 134: struct.pack("!BBHII", 64, 0, 0, 0, 0), 135: bytes(4) + self.b6,
                136: struct.pack("!I", self.number(32)) + self.a6, 137: bytes(4) + self.a6 + self.a6}[kind]
        for _ in range(self.chance.randrange(4)):
            option = self.chance.choice((1, 2, 3, 4, 5, 25, 31, self.number(8)))
            value = self.some(40)
            size = self.number(8) if self.chance.random() < 0.5 else (len(value) + 9) // 8
            if option == 3:
                value = bytes((64, 0)) + struct.pack("!III", 0, 0, 0) + packets.address6("2001:db8::") + self.some(8)
            if option == 5:  # an MTU that is to be refused, not one that is to be obeyed
                value = bytes(2) + struct.pack("!I", self.chance.choice((0, 1, 68, 1279, 1 << 31)))
            body += bytes((option, size)) + value
        source = packets.address6("fe80::bad") if kind in (134, 137) else self.a6
        hops = self.chance.choice((255, 255, 255, 64))
        return self.frame(packets.IPV6, packets.ipv6(source, self.b6, packets.ICMP6, packets.icmp6(
            source, self.b6, kind, 0, body[:self.chance.choice((len(body), self.chance.randrange(len(body) + 1)))]), hops))

    def ip_header(self):
        packet = bytearray(packets.ipv4(self.a4, self.b4, self.number(8), self.some(200)))
        if self.chance.random() < 0.7:
            options = self.options((0, 1, 7, 68, 131, 137, 148))
            options += bytes(-len(options) % 4)
            packet[20:20] = options
        packet[0] = self.chance.choice((4, 4, 4, 6, 15)) << 4 | self.number(4)
        packet[2:4] = struct.pack("!H", self.chance.choice((len(packet), self.number(16))))
        packet[6:8] = struct.pack("!H", self.number(16))
        head = min((packet[0] & 15) * 4, len(packet))
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack("!H", packets.checksum(bytes(packet[:head])))
        return self.frame(packets.IPV4, bytes(packet))

    def ip_fragments(self):
        more = self.chance.choice((0x2000, 0x2000, 0, 0x4000, 0x8000))
        offset = self.chance.choice((0, 1, 8, 0x1FFF, self.chance.randrange(0x2000)))
        return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, self.chance.choice((1, 6, 17)), self.some(600),
                                                     self.chance.randrange(6), more | offset))

    def ip6_extensions(self):
        kinds = (0, 43, 44, 50, 51, 59, 60, 135)
        chain, kind = b"", self.chance.choice((6, 17, 58, 59))
        for _ in range(self.chance.choice((1, 1, 2, 12, 60))):
            chain = bytes((kind, self.number(8) if self.chance.random() < 0.4 else 0)) + self.chance.randbytes(6) + chain
            kind = self.chance.choice(kinds)
        packet = bytearray(packets.ipv6(self.a6, self.b6, kind, chain + self.some(100)))
        packet[4:6] = struct.pack("!H", self.chance.choice((len(packet) - 40, len(packet) - 40, self.number(16))))
        return self.frame(packets.IPV6, bytes(packet))

    def ip6_fragments(self):
        head = struct.pack("!BBHI", self.chance.choice((6, 17, 58, 44, 0)), self.number(8),
                           self.number(13) << 3 & 0xFFF8 | self.chance.randrange(2), self.chance.randrange(6))
        return self.frame(packets.IPV6, packets.ipv6(self.a6, self.b6, 44, head + self.some(600)))

    def arp(self):
        message = struct.pack("!HHBBH", self.number(16), self.chance.choice((0x0800, self.number(16))), self.number(8),
                              self.number(8), self.number(16)) + self.source + self.a4 + self.to + self.b4
        return self.frame(packets.ARP, self.bend(message))

    def igmp(self):
        message = bytes((self.chance.choice((0x11, 0x12, 0x16, 0x17, 0x22, self.number(8))), self.number(8), 0, 0)) + self.some(40)
        message = message[:2] + struct.pack("!H", packets.checksum(message)) + message[4:]
        return self.frame(packets.IPV4, packets.ipv4(self.a4, self.b4, 2, message, ttl=1))

    def noise(self):
        kind = self.chance.choice((packets.IPV4, packets.IPV6, packets.ARP, 0x8100, self.number(16)))
        return self.frame(kind, self.some(1500))

    def next(self):
        frame = self.chance.choice(self.kinds)()
        if self.chance.random() < 0.1:
            frame = frame[:14] + self.bend(frame[14:])
        return frame if len(frame) >= 14 else frame.ljust(14, b"\0")


def malformed_frames(seed, to, source, count):
    generator = Generator(seed, to, source)
    for _ in range(count):
        yield generator.next()
