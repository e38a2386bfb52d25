# SPDX-License-Identifier: Apache-2.0
"""Mixed load for a while: after it, and throughout it, the VM holds what it held when it was warm."""

import contextlib
import http.client
import os
import random
import threading
import time

from system.faults import guest as g
from system.faults import lab
from system.faults.guest import want

TITLE = "mixed load, memory flat"
SECONDS = {"test": 60, "soak": 1800}
WARM = {"test": 15, "soak": 120}   # by then code is compiled, threads and caches are there
SAMPLES = 10                       # looks at the VM while the load goes on
# What may come and go with the load itself: heap that the last collection could not free yet, the working memory of
# the JVM's compilers (one large method of C2's takes tens of MiB at any time, and the C library keeps them), and
# buffers in flight.
HEAP_KIB, JVM_KIB, KERNEL_KIB = 6 * 1024, 48 * 1024, 8 * 1024
CONNECTIONS = 40                   # at most, by the workers below, and those that are just ending


class Load:
    """Workers that each do one kind of thing until told to end."""

    def __init__(self):
        self.ended = threading.Event()
        self.problems, self.done = [], {}
        self._lock = threading.Lock()

    def _work(self, name, address, number, work):
        chance = random.Random(f"{name} {address} {number}")
        while not self.ended.is_set():
            try:
                count = work(address, chance, self.ended)
            except (g.Failure, OSError, http.client.HTTPException) as problem:
                with self._lock:
                    self.problems.append(f"{name} at {address}: {type(problem).__name__}: {problem}")
                return
            with self._lock:
                self.done[name] = self.done.get(name, 0) + count

    @contextlib.contextmanager
    def going(self):
        threads = [threading.Thread(target=self._work, args=(name, address, number, work))
                   for address in (lab.GUEST4, lab.GUEST6) for name, work, many in WORK for number in range(many)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()


def kept_alive(address, chance, ended):
    """Downloads and uploads on one connection of HTTP."""
    count = 0
    with contextlib.closing(g.web(address)) as connection:
        while count < 50 and not ended.is_set():
            g.download(connection, chance.choice((0, 100, 5000, 100_000)))
            g.upload(connection, os.urandom(chance.choice((1, 1000, 60_000))))
            count += 2
    return count


def churn(address, chance, ended):
    """A connection for each request; some are broken off in the middle."""
    if chance.random() < 0.2:
        with g.connect(address) as connection:
            g.ask_for(connection, 200_000, 1)
            connection.recv(1000)
            return 1
    with contextlib.closing(g.web(address)) as connection:
        g.download(connection, chance.randrange(2000))
    return 1


def stream(address, chance, ended):
    """A connection that lasts, with small messages both ways."""
    with g.connect(address) as connection:
        for _ in range(200):
            if ended.is_set():
                break
            g.echo(connection, os.urandom(chance.choice((2, 20, 125, 4000))))
    return 200


def bulk(address, chance, ended):
    with g.connect(address) as connection:
        g.put(connection, os.urandom(500_000))
        g.get(connection, 500_000, chance.randrange(1000))
    return 2


def datagram(address, chance, ended):
    g.datagrams(address, [chance.randrange(8, 1400) for _ in range(20)], patience=0.2)
    return 20


WORK = (("HTTP, kept alive", kept_alive, 2), ("HTTP, churn", churn, 2), ("stream", stream, 2), ("bulk", bulk, 1),
        ("datagrams", datagram, 1))


def grown(warm, now):
    """What is more than the load explains, in words."""
    more = []
    for name, most in (("heap", HEAP_KIB), ("AnonPages", JVM_KIB), ("kernel", KERNEL_KIB), ("threads", 2),
                       ("descriptors", CONNECTIONS), ("connections", CONNECTIONS)):
        allowed = most + (max(0, now["TCP:tw"] - warm["TCP:tw"]) if name == "kernel" else 0)
        if now[name] - warm[name] > allowed:
            more.append(f"{name} {warm[name]} -> {now[name]}")
    return ", ".join(more)


def run(jdk, mode):
    with lab.Lab() as _, g.Guest(jdk, g.STATIC) as vm:
        try:
            vm.serving()
            at_rest = vm.report()
            load = Load()
            with load.going():
                time.sleep(WARM[mode])
                warm = vm.report()
                for sample in range(1, SAMPLES + 1):
                    if load.ended.wait((SECONDS[mode] - WARM[mode]) / SAMPLES) or load.problems:
                        break
                    now = vm.report()
                    want(not grown(warm, now), f"sample {sample} of {SAMPLES}: {grown(warm, now)}")
                    if mode == "soak":
                        print(f"note load, sample {sample}: heap {now['heap']} KiB, JVM {now['AnonPages']} KiB, kernel "
                              f"{now['kernel']} KiB, {now['threads']} threads, {now['descriptors']} descriptors", flush=True)
            want(not load.problems, "; ".join(load.problems[:5]))
            idle = [name for name, *_ in WORK if not load.done.get(name)]
            want(not idle, f"nothing was done of {idle}")
            print("note load: " + ", ".join(f"{count} {name}" for name, count in load.done.items()), flush=True)
            gone(vm, at_rest, warm)
        except (g.Failure, OSError) as problem:
            raise g.Failure(f"{problem}\n{vm.evidence()}") from problem


def gone(vm, at_rest, warm):
    """After it no connection is left, and no descriptor but those that the JVM opened for good when it warmed up."""
    deadline = time.monotonic() + g.SETTLING
    while True:
        now = vm.report()
        left = [f"{name} {at_rest[name]} -> {now[name]}" for name in ("connections", "TCP:inuse", "TCP:orphan")
                if now[name] > at_rest[name]]
        if now["descriptors"] > at_rest["descriptors"] + 8:
            left.append(f"descriptors {at_rest['descriptors']} -> {now['descriptors']}")
        if not left and not grown(warm, now):
            return
        want(time.monotonic() < deadline, f"left after the load: {', '.join(left)} {grown(warm, now)}")
        time.sleep(0.5)
