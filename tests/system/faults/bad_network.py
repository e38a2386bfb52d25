# SPDX-License-Identifier: Apache-2.0
"""Networks that lose, double, delay and change what is sent, and links that come and go."""

import random
import socket
import struct
import threading
import time

from system.faults import guest as g
from system.faults import lab, packets
from system.faults.guest import want

PROFILES = (  # title, the relay's profile, which of its counts must have moved, bytes each way
    ("5% loss", "lose=50", "lost", 300_000),
    ("reordering", "reorder=200", "reordered", 1_000_000),
    ("duplication", "duplicate=100", "duplicated", 1_000_000),
    ("100 ms delay", "delay=100000", None, 500_000),
    ("corrupted checksums", "corrupt=50", "corrupted", 300_000),
    ("all of them", "lose=20 reorder=50 duplicate=20 corrupt=20 delay=20000", "corrupted", 100_000),
)
# The last one is cut into fragments.
DATAGRAM_SIZES = (8, 200, 1400, 1400, 1472, 200, 1400, 8, 512, 2000)
LINK_FLAPS = {"test": 4, "soak": 40}


def ping(address, count, excused, size=600):
    """How many echoes of ICMP came back; each must be what was sent. `excused()`: how many need not."""
    ipv6 = lab.is_ipv6(address)
    protocol = socket.IPPROTO_ICMPV6 if ipv6 else socket.IPPROTO_ICMP
    request, reply = (128, 129) if ipv6 else (8, 0)
    back = set()
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_RAW, protocol) as raw:
        payloads = [random.Random(number).randbytes(size) for number in range(count)]
        for number, payload in enumerate(payloads):
            # The sum of ICMPv6 covers addresses, so the kernel makes it; ICMP's is ours.
            raw.sendto(packets.icmp(request, 0, struct.pack("!HH", 7, number) + payload), (address, 0))

        def take():
            message = raw.recv(65535)
            message = message if ipv6 else message[(message[0] & 15) * 4:]
            # A raw socket is shown what its own stack goes on to refuse.
            if message[0] != reply or message[4:6] != b"\0\7" or not (ipv6 or packets.checksum(message) == 0):
                return
            number = struct.unpack("!H", message[6:8])[0]
            want(message[8:] == payloads[number], f"echo {number} of ICMP came back changed")
            back.add(number)
        g.take_until(raw, take, lambda: len(back) + excused() >= count)
    return len(back)


def losses(net):
    """Frames that the network has lost or spoilt: each costs a datagram at most."""
    return sum(way[name] for way in net.counts() for name in ("lost", "corrupted", "overflowed"))


def datagrams_come_back(net, address, sizes):
    """What has no second try comes back, but for what the network lost."""
    for what, count, send in (
            ("datagrams", len(sizes), lambda excused: g.datagrams(address, sizes, 0.3, excused)),
            ("echoes of ICMP", 20, lambda excused: ping(address, 20, excused))):
        before = losses(net)
        back = send(lambda: losses(net) - before)
        lost = losses(net) - before
        want(back + lost >= count, f"{back} of {count} {what} came back from {address}; the network lost {lost} frames")


def one_profile(net, vm, mode, profile, count, size):
    scale = 1 if mode == "test" else 10
    before = net.counts()
    with g.nothing_is_kept(vm), net.impaired(profile):
        problems = []

        def go(address):
            try:
                g.works(address, size * scale, seed=len(address))
            except (g.Failure, OSError) as problem:
                problems.append(f"{address}: {type(problem).__name__}: {problem}")
        threads = [threading.Thread(target=go, args=(address,)) for address in (lab.GUEST4, lab.GUEST6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        want(not problems, "; ".join(problems))
        for address in (lab.GUEST4, lab.GUEST6):
            datagrams_come_back(net, address, DATAGRAM_SIZES * (2 * scale))
    if count:
        after = net.counts()
        for way, (old, new) in enumerate(zip(before, after)):
            want(new[count] > old[count], f"the network has {count} nothing, way {way}: the test tests nothing")


def profile_case(row):
    _, profile, count, size = row
    return lambda net, vm, mode: one_profile(net, vm, mode, profile, count, size)


def link_flaps(net, vm, mode):
    """The link goes while bytes flow both ways."""
    size = 4_000_000 if mode == "test" else 20_000_000
    flaps = LINK_FLAPS[mode]
    with g.nothing_is_kept(vm):
        problems, done = [], threading.Event()

        def transfer(address):
            try:
                while not done.is_set():
                    g.works(address, size, seed=3)
            except (g.Failure, OSError) as problem:
                problems.append(f"{address}: {type(problem).__name__}: {problem}")
        threads = [threading.Thread(target=transfer, args=(address,)) for address in (lab.GUEST4, lab.GUEST6)]
        for thread in threads:
            thread.start()
        for _ in range(flaps):
            time.sleep(0.4)  # traffic between the flaps
            net.set_link(up=False)
            time.sleep(0.3)
            net.set_link(up=True)
        done.set()
        for thread in threads:
            thread.join()
        want(not problems, "; ".join(problems))


CASES = [(row[0], profile_case(row)) for row in PROFILES] + [("link flaps under traffic", link_flaps)]
