# SPDX-License-Identifier: Apache-2.0
"""Peers that vanish, that do not read, that say next to nothing, and many of them."""

import contextlib
import hashlib
import random
import resource
import selectors
import socket
import struct
import time

from system.faults import guest as g
from system.faults import lab
from system.faults.guest import want

ZERO_WINDOW_SECONDS = {"test": 6, "soak": 90}
IDLE, SLOW = 10_000, 5_000
AT_ONCE = 200  # handshakes under way: what a listener's backlog takes
MOST_PER_CONNECTION = 4096  # bytes of kernel memory


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        want(time.monotonic() < deadline, f"{what} within {seconds} s")
        time.sleep(0.25)


def reset_on_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def vanished_while_idle(net, vm, mode):
    """Keep-alives find out, and the application is told."""
    with g.nothing_is_kept(vm) as before, net.second_address() as vanish:
        idle = [g.connect(lab.GUEST4, g.KEPT_ALIVE, (lab.STRANGER4, 0)) for _ in range(20)]
        for connection in idle:
            g.echo(connection, b"here")
        want(vm.report()["connections"] == before["connections"] + 20, "not all of 20 connections are there")
        vanish()
        wait_for(lambda: vm.report()["connections"] == before["connections"], 60, "keep-alives did not find the peers gone")
        for connection in idle:
            connection.close()
        g.works(lab.GUEST4)


def vanished_with_data_pending(net, vm, mode):
    """What is on its way to them stays until the application gives up, and no longer; or, which takes minutes, until
    TCP does."""
    with g.nothing_is_kept(vm) as before:
        with net.second_address() as vanish:
            gone = [g.connect(lab.GUEST4, g.PORT, (lab.STRANGER4, 0)) for _ in range(10)]
            for connection in gone:
                g.ask_for(connection, 50_000_000, 1)
                want(connection.recv(1), "no data")
            vanish()
            time.sleep(1)
            g.works(lab.GUEST4)
            # The one that has just worked may be there still.
            want(vm.report()["connections"] >= before["connections"] + 10, "connections have ended that nobody ended")
            if mode == "test":
                vm.ask("abort")
            wait_for(lambda: vm.report()["connections"] == before["connections"], 1500, "TCP did not give up")
        for connection in gone:
            connection.close()
        g.works(lab.GUEST4)


def orphans_of_a_vanished_peer(net, vm, mode):
    """The application has closed; what is left to say waits in the stack, is counted as Linux counts it, and goes
    when the peer is back and knows of nothing."""
    with g.nothing_is_kept(vm):
        with net.second_address() as vanish:
            gone = [g.connect(lab.GUEST4, g.HELD, (lab.STRANGER4, 0)) for _ in range(10)]
            for connection in gone:
                connection.sendall(b"no such command\n")
            vanish()
        vm.ask("go")
        # The FIN that answers nonsense has no receiver.
        wait_for(lambda: vm.report()["TCP:orphan"] > 0, 30, "no connection without a socket is shown")
        for connection in gone:
            reset_on_close(connection)
            connection.close()
        with net.second_address():  # answers with resets
            wait_for(lambda: vm.report()["TCP:orphan"] == 0, 120, "connections without a socket did not end")
        vm.ask("abort")  # holds the held port again


def reader_that_stops(net, vm, mode):
    """Our window is closed for long; then all bytes come, and right."""
    with g.nothing_is_kept(vm), contextlib.ExitStack() as stack:
        stopped = []
        for number, address in enumerate((lab.GUEST4, lab.GUEST6) * 4):
            connection = stack.enter_context(socket.socket(socket.AF_INET6 if lab.is_ipv6(address) else socket.AF_INET))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            connection.settimeout(g.PATIENCE)
            connection.connect((address, g.PORT))
            g.ask_for(connection, 1_000_000, number)
            stopped.append(connection)
        time.sleep(ZERO_WINDOW_SECONDS[mode])
        g.works(lab.GUEST4)
        for connection in stopped:
            g.receive(connection, 1_000_000)


def reader_in_the_vm_that_stops(net, vm, mode):
    """Its window is closed for long: the sender is held up, and then every byte is taken."""
    with g.nothing_is_kept(vm), contextlib.ExitStack() as stack:
        data = random.Random(5).randbytes(6_000_000)
        message = b"put %d\n" % len(data) + data
        held = []
        for address in (lab.GUEST4, lab.GUEST6):
            connection = stack.enter_context(g.connect(address, g.HELD))
            connection.setblocking(False)
            sent, quiet_since = 0, time.monotonic()
            while time.monotonic() - quiet_since < 2:
                try:
                    sent += connection.send(message[sent:sent + 65536])
                    quiet_since = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.05)
                want(sent < len(message), "the VM took 6 MB that nobody read")
            held.append((connection, sent))
        time.sleep(ZERO_WINDOW_SECONDS[mode])
        vm.ask("go")
        for connection, sent in held:
            connection.settimeout(g.PATIENCE)
            connection.sendall(message[sent:])
            want(g.read_line(connection) == hashlib.sha256(data).hexdigest(), "what was held back arrived changed")
        vm.ask("abort")


def open_many(address, count, stack):
    """So many connections, made AT_ONCE at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    want(hard > count + 100, f"this host allows {hard} descriptors only")
    made, under_way = [], selectors.DefaultSelector()
    deadline = time.monotonic() + g.PATIENCE
    while len(made) < count:
        while len(under_way.get_map()) < AT_ONCE and len(made) + len(under_way.get_map()) < count:
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex((address, g.PORT))
            under_way.register(connection, selectors.EVENT_WRITE)
        for key, _ in under_way.select(1):
            under_way.unregister(key.fileobj)
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            want(error == 0, f"connection {len(made)} failed: error {error}")
            made.append(key.fileobj)
        want(time.monotonic() < deadline, f"only {len(made)} of {count} connections within {g.PATIENCE} s")
    under_way.close()
    return made


def many_connections(net, vm, mode):
    """10,000 that say nothing; then half of them say a byte now and then, and never enough."""
    with g.nothing_is_kept(vm) as before:
        with contextlib.ExitStack() as stack:
            made = open_many(lab.GUEST4, IDLE, stack)
            wait_for(lambda: vm.report()["connections"] == before["connections"] + IDLE, 120, "not all were accepted")
            now = vm.report()
            each = (now["kernel"] - before["kernel"]) * 1024 / IDLE
            print(f"note {IDLE} idle connections: {each:.0f} bytes of kernel memory each", flush=True)
            want(each <= MOST_PER_CONNECTION, f"an idle connection takes {each:.0f} bytes of the kernel")
            g.works(lab.GUEST4)
            for byte in b"put 10":
                for connection in made[:SLOW]:
                    connection.send(bytes([byte]))
                g.works(lab.GUEST6, 50_000)
            for connection in made[SLOW // 2:SLOW]:  # these come to their end after all, some of the others just go
                connection.send(b"\n0123456789")
            for connection in made[SLOW // 2:SLOW]:
                connection.setblocking(True)
                connection.settimeout(g.PATIENCE)
                want(len(g.read_line(connection)) == 64, "a slow request got no answer")
            for connection in made[:IDLE // 4]:
                reset_on_close(connection)


CASES = [
    ("peers that vanish while idle", vanished_while_idle),
    ("peers that vanish with data pending", vanished_with_data_pending),
    ("connections closed towards a vanished peer", orphans_of_a_vanished_peer),
    ("a reader that stops: zero window", reader_that_stops),
    ("a reader in the VM that stops", reader_in_the_vm_that_stops),
    ("10,000 idle connections, 5,000 slow ones", many_connections),
]
