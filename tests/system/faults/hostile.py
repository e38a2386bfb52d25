# SPDX-License-Identifier: Apache-2.0
"""Strangers that scan, that flood, and that send what no stack would."""

import random
import struct
import threading
import time

from system.faults import guest as g
from system.faults import lab, packets
from system.faults.guest import want
from system.faults.malformed import malformed_frames

FLOOD = {"test": 100_000, "soak": 1_000_000}
IN_FLIGHT = 500           # SYNs that were not answered yet: what the queues on the way hold
MALFORMED = {"test": 20_000, "soak": 500_000}
SCANNED = {"test": 3000, "soak": 65535}
SCANNER = 40_001          # the source port of a scan, of which this end's stack knows nothing
LISTENED = {g.PORT, g.HELD, g.KEPT_ALIVE, g.WEB}


def transport(frame, protocol):
    """The transport header and what follows in an IPv4 frame of that protocol, or b''."""
    if frame[12:14] != struct.pack("!H", packets.IPV4) or frame[23] != protocol:
        return b""
    return frame[14 + (frame[14] & 15) * 4:]


def meanwhile(work, problems):
    """Clients that go on for as long as `work` takes."""
    done = threading.Event()

    def clients():
        rounds = 0
        while not done.is_set() or rounds == 0:
            try:
                g.works(lab.GUEST4, 50_000, seed=rounds)
                g.works(lab.GUEST6, 50_000, seed=rounds)
            except (g.Failure, OSError) as problem:
                problems.append(f"in the midst of it: {type(problem).__name__}: {problem}")
                return
            rounds += 1
    thread = threading.Thread(target=clients)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()


def syn_flood(net, vm, mode):
    """From addresses that do not exist, at a pace that the queues on the way can follow, so that all arrive."""
    with g.nothing_is_kept(vm) as before, packets.Wire("far") as wire:
        g.works(lab.GUEST4)
        to, guest_address = packets.neighbour(lab.GUEST4), packets.address4(lab.GUEST4)
        chance = random.Random(6)

        def flood():
            sent = answered = 0
            last_answer = time.monotonic()
            while sent < FLOOD[mode]:
                while sent - answered < IN_FLIGHT and sent < FLOOD[mode]:
                    source = struct.pack("!BBBB", 198, 18 + sent % 2, chance.randrange(256), chance.randrange(1, 255))
                    segment = packets.tcp(source, guest_address, chance.randrange(1024, 65536), g.PORT, packets.SYN,
                                          chance.randrange(1 << 32), options=b"\2\4\5\xb4")
                    wire.send(packets.ethernet(to, wire.address, packets.IPV4,
                                               packets.ipv4(source, guest_address, packets.TCP, segment)))
                    sent += 1
                for frame in wire.arrived(0.02):
                    answer = transport(frame, packets.TCP)
                    if answer and answer[13] & 0x3F == packets.SYN | packets.ACK and frame[30] == 198:
                        answered += 1
                        last_answer = time.monotonic()
                if time.monotonic() - last_answer > 1:  # those were lost
                    answered, last_answer = sent, time.monotonic()
        problems = []
        meanwhile(flood, problems)
        want(not problems, "; ".join(problems))
        after = vm.report()
        cookies = after["TcpExt:SyncookiesSent"] - before["TcpExt:SyncookiesSent"]
        want(cookies > FLOOD[mode] * 0.9, f"only {cookies} of {FLOOD[mode]} SYNs were answered by cookies")


def port_scan(net, vm, mode):
    """Only ports that are listened on answer; of the others not even a refusal comes, and all are counted."""
    with g.nothing_is_kept(vm) as before, packets.Wire("far") as wire:
        g.works(lab.GUEST4)
        to = packets.neighbour(lab.GUEST4)
        # An address of nobody's: this end's own stack would answer too.
        source, guest_address = packets.address4("198.18.7.7"), packets.address4(lab.GUEST4)
        ports = list(range(1, SCANNED[mode] + 1)) + [port for port in LISTENED if port > SCANNED[mode]]
        random.Random(7).shuffle(ports)
        open_ports, refusals, echoed, unreachable = set(), set(), set(), 0
        for start in range(0, len(ports), 200):
            for port in ports[start:start + 200]:
                for protocol, segment in (
                        (packets.TCP, packets.tcp(source, guest_address, SCANNER, port, packets.SYN, 1)),
                        (packets.UDP, packets.udp(source, guest_address, SCANNER, port, b"scan"))):
                    wire.send(packets.ethernet(to, wire.address, packets.IPV4,
                                               packets.ipv4(source, guest_address, protocol, segment)))
            for frame in wire.arrived(0.1):
                if answer := transport(frame, packets.TCP):
                    port = struct.unpack("!H", answer[:2])[0]
                    (refusals if answer[13] & packets.RST else open_ports).add(port)
                elif answer := transport(frame, packets.UDP):
                    echoed.add(struct.unpack("!H", answer[:2])[0])
                elif transport(frame, packets.ICMP):
                    unreachable += 1
        want(open_ports == LISTENED, f"ports that answer: {sorted(open_ports)[:20]}, listened on: {sorted(LISTENED)}")
        want(not refusals, f"ports that refuse: {sorted(refusals)[:20]}")
        want(echoed == {g.PORT}, f"UDP ports that answer: {sorted(echoed)[:20]}")
        want(unreachable == 0, f"{unreachable} messages of ICMP tell a scanner what is not there")
        after = vm.report()
        for name in ("Firewall:TcpDropped", "Firewall:UdpDropped"):
            dropped = after[name] - before[name]
            want(dropped >= (len(ports) - len(LISTENED)) * 0.99, f"{name} grew by {dropped} in a scan of {len(ports)}")
        # Half-made connections to the open ports are forgotten when nobody answers; a reset makes it at once.
        for port in open_ports:
            reset = packets.tcp(source, guest_address, SCANNER, port, packets.RST, 2)
            wire.send(packets.ethernet(to, wire.address, packets.IPV4,
                                       packets.ipv4(source, guest_address, packets.TCP, reset)))


def malformed(net, vm, mode):
    """Whatever comes, the VM goes on, and gives back what it put aside for it."""
    with g.nothing_is_kept(vm), packets.Wire("far") as wire:
        g.works(lab.GUEST4)
        g.works(lab.GUEST6)
        to = packets.neighbour(lab.GUEST4)
        for number, frame in enumerate(malformed_frames(net.seed, to, wire.address, MALFORMED[mode])):
            wire.send(frame)
            if number % 500 == 499:
                time.sleep(0.02)  # or the tap's queue drops the rest
            if number % 5000 == 4999:
                g.works(lab.GUEST4, 20_000)
                g.works(lab.GUEST6, 20_000)
        g.works(lab.GUEST4)
        g.works(lab.GUEST6)
        want(g.datagrams(lab.GUEST4, [500] * 20) > 10, "datagrams do not come back")


CASES = [
    ("port scan", port_scan),
    ("SYN flood of 100,000", syn_flood),
    ("malformed packets", malformed),
]
