# SPDX-License-Identifier: Apache-2.0
"""Where the VM's addresses come from, each in a VM of its own: servers that answer late, wrongly or not at all,
addresses that somebody has, and what any MTU carries."""

import contextlib
import ipaddress
import time

from parts.process import run
from system.faults import dhcp, lab, packets
from system.faults import guest as g
from system.faults.guest import want
from system.system import MOKA, base_environment

LEASED, NEXT = "10.77.0.50", "10.77.0.51"
PREFIX = "fd78::"
LEASE = 20        # seconds: renewal after 10, an attempt at all servers after 17
LATE = 30         # seconds by which a busy host may be late
MTUS = (9000, 4000, 1500, 1280)


def wait_for_address(vm, wanted, seconds=LATE):
    """The first address that `wanted` holds for; it may be text."""
    deadline = time.monotonic() + seconds
    while True:
        there = vm.addresses()
        for address in there:
            if address == wanted if isinstance(wanted, str) else wanted(ipaddress.ip_address(address)):
                return address
        want(time.monotonic() < deadline, f"no such address within {seconds} s; there are {there}")
        time.sleep(0.25)


def of_prefix(address):
    return address.version == 6 and address in ipaddress.ip_network(f"{PREFIX}/64")


def link_local(address):
    return address.version == 6 and address.is_link_local


def every_mtu(net, addresses):
    """Segments and datagrams as large as each MTU of this end lets them be, and larger."""
    for mtu in MTUS:
        net.set_host_mtu(mtu)
        for address in addresses:
            g.works(address, 400_000, seed=mtu)
            sizes = (mtu - 49, mtu - 48, mtu - 28, mtu, 8900, 20_000) * 2
            back = g.datagrams(address, sizes)
            want(back == len(sizes), f"MTU {mtu}: {back} of {len(sizes)} datagrams came back from {address}")
    net.set_host_mtu(max(MTUS))


def gone_from(vm, address, seconds):
    deadline = time.monotonic() + seconds
    while address in vm.addresses():
        want(time.monotonic() < deadline, f"{address} is still there, {seconds} s after its lease")
        time.sleep(0.25)


def leases(vm, server):
    """Renewed in time, given up when nobody renews it, taken again, and changed when the server says so."""
    server.forget()
    want(server.wait(lambda kind, has, _: kind == dhcp.REQUEST and has == LEASED, LEASE + LATE), "the lease was not renewed")
    want(LEASED in vm.addresses(), "the address went although its lease was renewed")
    want(not server.wait(lambda kind, *_: kind == dhcp.DISCOVER, 0), "the client began anew instead of renewing")
    server.mute = True
    gone_from(vm, LEASED, LEASE + LATE)
    vm.event("warning", message=f"eth0: the lease of {LEASED} has ended; asking DHCP servers for an address")
    server.mute = False
    wait_for_address(vm, LEASED)
    g.works(LEASED)
    server.address, server.refusing = NEXT, True
    server.forget()
    want(server.wait(lambda kind, *_: kind == dhcp.DISCOVER, LEASE + LATE), "a refusal did not make the client begin anew")
    server.refusing = False
    wait_for_address(vm, NEXT)
    g.works(NEXT)


def dhcp_and_router(jdk, mode):
    """Nonsense before each answer; jumbo frames; SLAAC."""
    with lab.Lab(mtu=9000) as net, dhcp.DhcpServer(LEASED, LEASE, nonsense=30) as server, dhcp.Router(PREFIX), \
            g.Guest(jdk, ["--mtu", "9000"]) as vm:
        with reported(vm):
            vm.serving()
            wait_for_address(vm, LEASED)
            automatic = wait_for_address(vm, of_prefix)
            lab.ip(f"addr add {PREFIX}1/64 dev far nodad")
            for address in (LEASED, automatic):
                g.works(address)
            with g.nothing_is_kept(vm):
                every_mtu(net, (LEASED, automatic))
            leases(vm, server)


def nobody_answers(jdk, mode):
    """It starts, says so, has what IPv6 needs no server for; and takes an address when a server comes at last."""
    with lab.Lab(mtu=1500) as net, g.Guest(jdk, ["--mtu", "1280"]) as vm:
        with reported(vm):
            vm.serving()
            event = vm.event("warning")
            want("no DHCP server" in event["message"], f"said instead: {event}")
            own = wait_for_address(vm, link_local) + "%far"
            g.works(own)
            with g.nothing_is_kept(vm):
                for mtu in (1280, 1500):
                    net.set_host_mtu(mtu)
                    g.works(own)
                    g.datagrams(own, (1200, 1280, 5000))
            with dhcp.DhcpServer(LEASED):
                wait_for_address(vm, LEASED)
                g.works(LEASED)


def address_in_use(jdk, mode):
    """This end has both addresses already."""
    with lab.Lab(), g.Guest(jdk, ["--ip", f"{lab.HOST4}/24", "--ip", f"{lab.HOST6}/64"]) as vm:
        with reported(vm):
            vm.serving()
            lab_address = ":".join(f"{byte:02x}" for byte in packets.hardware_address("far"))
            vm.event("warning", message=f"eth0: {lab.HOST4} is in use by another machine, {lab_address}")
            vm.event("warning", message=f"eth0: {lab.HOST6} is in use by another machine; it is not used here")


def tap_in_use(jdk, mode):
    """Of a second VM at the same tap: one line, status 2, and the first is not disturbed."""
    with lab.Lab(), g.Guest(jdk, g.STATIC) as vm:
        with reported(vm):
            vm.serving()
            got = run([MOKA, "run", "--net", "tap:vm", "build/tests/guest/hello"], 60, env=base_environment())
            want(got.status == 2 and got.stderr.count(b"\n") == 1 and b"in use" in got.stderr,
                 f"status {got.status}: {got.text()[-500:]}")
            g.works(lab.GUEST4)


@contextlib.contextmanager
def reported(vm):
    """Failures with what the VM said."""
    try:
        yield
    except (g.Failure, OSError) as problem:
        raise g.Failure(f"{type(problem).__name__}: {problem}\n{vm.evidence()}") from problem


CASES = [
    ("DHCP, router advertisements, every MTU", dhcp_and_router),
    ("no DHCP server answers", nobody_answers),
    ("an address that another machine has", address_in_use),
    ("a tap that another VM has", tap_in_use),
]
