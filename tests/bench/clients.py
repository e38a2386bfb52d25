# SPDX-License-Identifier: Apache-2.0
"""What the host does to a guest whose program serves: the same requests, in the same order, to every guest.
Figures become lines of the sample, as the programs' own do."""

import contextlib
import json
import subprocess
import time

import guests
import monitor
import sampler

CONNECTIONS = 8
TRANSFERS = 2               # connections for files
MEBIBYTE = 1 << 20
FILES = 100                 # of a MiB, each way
START_PATIENCE = 150        # seconds to the first answer
ENDLESS = 1 << 40


class LoadFailed(Exception):
    pass


class Client:
    """The load generator beside one guest."""

    def __init__(self, session, load):
        self.session, self.load = session, load
        self.address = (session.address, str(session.program.port))

    def command(self, *words):
        return [*self.session.network.prefix, str(self.load), *self.address, *map(str, words)]

    def run(self, *words):
        """What it says, as {name: value}."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True)
        if done.returncode != 0:
            raise LoadFailed(f"load {words}: {done.stderr.strip()[-300:]}")
        said = done.stdout.split()
        return dict(zip(said[::2], map(float, said[1::2])))

    def spent(self):
        return guests.cpu_seconds(self.session.process()[0])

    def measured(self, name, *words):
        """(what the generator says, QEMU's CPU-seconds meanwhile)"""
        before = self.spent()
        said = self.run(*words)
        spent = self.spent() - before
        self.session.say_figure(f"{name}-rate", said["requests"] / said["seconds"])
        self.session.say_figure(f"{name}-cpu", spent / said["requests"])
        return said, spent

    def first_answer(self):
        self.run("wait", "/hello", START_PATIENCE)
        process, start = self.session.process()
        self.session.say_figure("first-200-cpu", guests.cpu_seconds(process))
        self.session.say_figure("first-200", time.monotonic() - start)

    def stop(self):
        with contextlib.suppress(LoadFailed):    # the machine may be gone before its last answer
            self.run("get", "/stop", 1, 1, 10)


def hello(client, requests, warm_up, sampled_seconds):
    """Requests a second, percentiles, and CPU time a request outside the application's half."""
    session = client.session
    client.run("get", "/hello", CONNECTIONS, warm_up, START_PATIENCE)
    connection = monitor.Monitor(session.monitor())
    try:
        process, threads = session.process()[0], connection.threads()
        before = monitor.processor_seconds(process, threads)
        said, _ = client.measured("hello", "get", "/hello", CONNECTIONS, requests, START_PATIENCE)
        spent = monitor.processor_seconds(process, threads) - before
        session.say_figure("hello-p50", said["p50"])
        session.say_figure("hello-p99", said["p99"])
        # Under the same load as before, but QEMU has now more to do.
        load = subprocess.Popen(client.command("get", "/hello", CONNECTIONS, ENDLESS, sampled_seconds + 2),
                                stdout=subprocess.DEVNULL)
        try:
            share, count = sampler.kernel_share(connection, sampled_seconds, session.record / f"samples-{session.guest}")
        finally:
            load.wait()
        session.say_figure("hello-samples", count)
        session.say_figure("hello-kernel-share", share)
        session.say_figure("hello-kernel-cpu", share * spent / said["requests"])
    finally:
        connection.close()


def files(client):
    client.run("get", "/mebibyte.bin", TRANSFERS, FILES // 4, START_PATIENCE)
    client.measured("file-out", "get", "/mebibyte.bin", TRANSFERS, FILES, START_PATIENCE)
    client.run("put", "/take", TRANSFERS, FILES // 4, START_PATIENCE, MEBIBYTE)
    client.measured("file-in", "put", "/take", TRANSFERS, FILES, START_PATIENCE, MEBIBYTE)


def tomcat(load, requests, warm_up, sampled_seconds, with_files):
    def run(session):
        client = Client(session, load)
        client.first_answer()
        hello(client, requests, warm_up, sampled_seconds)
        if with_files:
            files(client)
        client.stop()
    return run


def iperf(seconds, reverse):
    """One stream of Debian's iperf3; `reverse`: the guest sends."""
    def run(session):
        session.wait_for_line("Server listening")
        before = guests.cpu_seconds(session.process()[0])
        options = ["--client", session.address, "--port", str(session.program.port), "--time", str(seconds), "--json"]
        done = subprocess.run([*session.network.prefix, "iperf3", *options, *(["--reverse"] if reverse else [])],
                              capture_output=True, text=True)
        spent = guests.cpu_seconds(session.process()[0]) - before
        if done.returncode != 0:
            raise LoadFailed(f"iperf3: {done.stdout[-300:]} {done.stderr[-300:]}")
        # What has arrived, not what was sent.
        arrived = json.loads(done.stdout)["end"]["sum_received"]
        name = "iperf-out" if reverse else "iperf-in"
        session.say_figure(f"{name}-rate", arrived["bits_per_second"] / 8)
        session.say_figure(f"{name}-cpu", spent / arrived["bytes"])
        session.end_guest()
    return run


def idle_connections(load, count):
    def run(session):
        session.wait_for_line("listening")
        client = Client(session, load)
        holder = subprocess.Popen(client.command("idle", count), stdin=subprocess.PIPE)
        try:
            session.wait_for_line("ready")
            holder.stdin.write(b"\n")
            holder.stdin.flush()
            session.wait_for_line("figure idle-connection")
        finally:
            holder.stdin.close()
            holder.wait()
    return run
