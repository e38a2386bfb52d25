# SPDX-License-Identifier: Apache-2.0
"""The network's figures and their bars; what rows.py is for one program alone. Programs here have a client."""

import clients
import guests
from rows import Row

PORT = 8080
IPERF_PORT = 5201
IDLE_CONNECTIONS = 4000
# Long enough for the compilers to have done their work under emulation: on one CPU, which they share with the requests,
# the rate is a sixth of what it becomes until some 40,000 have been served.
WARM_UP, REQUESTS, SAMPLED_SECONDS = 100_000, 20_000, 15
IPERF_SECONDS = 8


def programs(paths, jdk_words):
    java = (*jdk_words, "-J-XX:MaxRAM=1g")
    tomcat = (*java, "--dir", str(paths.tomcat), "-cp", "classes:lib/*", "BenchTomcat", str(PORT))

    def server(name, words, marks, port, client, **limits):
        return guests.Program(name, words, marks, client=client, port=port, **limits)

    def hello(with_files):
        return clients.tomcat(paths.load, REQUESTS, WARM_UP, SAMPLED_SECONDS, with_files)

    iperf = ("/usr/bin/iperf3", "--server", "--forceflush", "--port", str(IPERF_PORT))
    return [
        guests.Program("echo", (str(paths.echo),), ("figure echo",)),
        server("tomcat-1", tomcat, ("figure hello-kernel-cpu",), PORT, hello(False), cpus=1, seconds=900),
        server("tomcat-2", tomcat, ("figure file-in-cpu",), PORT, hello(True), seconds=900),
        server("iperf-in", iperf, ("figure iperf-in-cpu",), IPERF_PORT, clients.iperf(IPERF_SECONDS, False)),
        server("iperf-out", iperf, ("figure iperf-out-cpu",), IPERF_PORT, clients.iperf(IPERF_SECONDS, True)),
        server("connections", (str(paths.idle_connections), str(PORT), str(IDLE_CONNECTIONS)),
               ("figure idle-connection",), PORT, clients.idle_connections(paths.load, IDLE_CONNECTIONS)),
    ]


def figure(name):
    return lambda sample: sample.figure(name)


def rate(key, title, unit, program, name, **bars):
    """A row of what is done a second. Its figure in CPU-seconds is a rate, too: what is done in one of them."""
    return Row(key, title, unit, program, figure(f"{name}-rate"), cpu=lambda sample: 1 / sample.figure(f"{name}-cpu"),
               **bars)


ROWS = [
    Row("echo", "loopback echo of 64 B by TCP, round trip", "us", "echo", figure("echo"),
        cpu=lambda sample: sample.cpu_of_figure("echo"), ratio_bar=0.28),
    Row("first-200", "Tomcat, QEMU's start to the first 200 OK, 2 CPUs", "s", "tomcat-2", figure("first-200"),
        cpu=figure("first-200-cpu"), ratio_bar=0.70),
    *(Row(f"kernel-cpu-{cpus}", f"Tomcat /hello, {cpus} CPU: CPU time a request outside the application's half", "us",
          f"tomcat-{cpus}", figure("hello-kernel-cpu"), ratio_bar=0.35) for cpus in (1, 2)),
    *(Row(f"kernel-share-{cpus}", f"its share of the processors' running time, {cpus} CPU", "%", f"tomcat-{cpus}",
          figure("hello-kernel-share")) for cpus in (1, 2)),
    rate("hello-rate-1", "Tomcat /hello, requests a second, 1 CPU", "1/s", "tomcat-1", "hello", least_ratio=1.10),
    rate("hello-rate-2", "Tomcat /hello, requests a second, 2 CPUs", "1/s", "tomcat-2", "hello", least_ratio=1.20),
    Row("hello-p50", "its median latency, 2 CPUs", "ms", "tomcat-2", figure("hello-p50")),
    Row("hello-p99-1", "its p99 latency, 1 CPU", "ms", "tomcat-1", figure("hello-p99"), ratio_bar=0.75),
    Row("hello-p99-2", "its p99 latency, 2 CPUs", "ms", "tomcat-2", figure("hello-p99"), ratio_bar=0.75),
    rate("file-out", "1 MiB static file from Tomcat, files a second", "1/s", "tomcat-2", "file-out", least_ratio=1.5),
    rate("file-in", "1 MiB to Tomcat, uploads a second", "1/s", "tomcat-2", "file-in", least_ratio=1.5),
    rate("iperf-in", "iperf3 TCP, host to guest", "MiB/s", "iperf-in", "iperf-in", least_ratio=1.5),
    rate("iperf-out", "iperf3 TCP, guest to host", "MiB/s", "iperf-out", "iperf-out", least_ratio=1.5),
    Row("idle-connection", "memory an idle TCP connection", "KiB", "connections", figure("idle-connection"),
        absolute_bar=4),
]


def ceilings(results):
    """How near the requests a second are to what a kernel without cost would give, for the Linux guest at hand:
    all of its time outside the application saved, nothing else."""
    by_key = {result["key"]: result for result in results}
    notes = []
    for cpus in (1, 2):
        rates, shares = by_key.get(f"hello-rate-{cpus}"), by_key.get(f"kernel-share-{cpus}")
        for guest in ("linux", "linux-no-erms"):
            if not rates or not shares or not rates.get("mokapot") or not rates.get(guest) or not shares.get(guest):
                continue
            share = shares[guest] / 100
            ceiling, ratio = 1 / (1 - share), rates["mokapot"] / rates[guest]
            in_cpu = rates["mokapot cpu"] / rates[f"{guest} cpu"]
            notes.append(f"/hello with {cpus} CPU: {guest} is {share:.1%} of its running time in the kernel, so {ceiling:.2f} "
                         f"times its rate is the ceiling; {ratio:.2f} is {(ratio - 1) / (ceiling - 1):.0%} of the way there "
                         f"({in_cpu:.2f}, {(in_cpu - 1) / (ceiling - 1):.0%}, by QEMU's CPU-seconds)")
    return notes
