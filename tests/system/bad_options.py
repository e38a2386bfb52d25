# SPDX-License-Identifier: Apache-2.0
"""Options of the network, of folders and of environment files that cannot be: each is one line of advice
and status 2, before any VM starts."""

import contextlib
import os
import socket

APP = "build/tests/guest/hello"


@contextlib.contextmanager
def taken_port(family, kind, address):
    """A port of the host that somebody has."""
    with socket.socket(family, kind) as holder:
        holder.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            holder.listen(1)
        yield holder.getsockname()[1]


def rows(directory, stack):
    """(title, words, environment) of each; what they need lives as long as `stack`."""
    broken = directory / "broken.env"
    broken.write_text("GOOD=1\nno value here\n")
    pipe = directory / "pipe.jar"
    os.mkfifo(pipe)
    tcp = stack.enter_context(taken_port(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"))
    udp = stack.enter_context(taken_port(socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"))
    found = [
        ("a port of -p is taken", ["-p", f"{tcp}:80"]),
        ("a UDP port of -p is taken", ["-p", f"{udp}:53/udp"]),
        ("-p without a port", ["-p", "http"]),
        ("-p with a port that is none", ["-p", "70000"]),
        ("-p at an address that the host lacks", ["-p", "192.0.2.1:9000:80"]),
        ("a host port for two of the application's", ["-p", "9000:80", "-p", "9000:81"]),
        ("-p without a network", ["--net", "none", "-p", "80"]),
        ("--publish-all at an address that the host lacks", ["--publish-all=192.0.2.1"]),
        ("--publish-all with a name", ["--publish-all=localhost"]),
        ("an unknown network", ["--net", "wifi"]),
        ("a tap that does not exist", ["--net", "tap:moka-no-tap"]),
        ("an interface that is no tap", ["--net", "tap:lo"]),
        ("a bridge that does not exist", ["--net", "bridge:moka-no-br"]),
        ("an address without a prefix", ["--net", "tap:lo", "--ip", "192.0.2.2"]),
        ("an address for user networking", ["--ip", "192.0.2.2/24"]),
        ("a gateway without an address", ["--net", "tap:lo", "--gateway", "192.0.2.1"]),
        ("a name as name server", ["--dns", "dns.example"]),
        ("an MTU that IPv6 cannot use", ["--mtu", "576"]),
        ("an MTU that user networking cannot carry", ["--mtu", "9000"]),
        ("a capture where nobody can write", ["--pcap", "/no/such/folder/x.pcap"]),
        ("--dir without a folder", ["--dir", "/no/such/folder"]),
        ("--dir with a file", ["--dir", str(broken)]),
        ("--mount without a place in the guest", ["--mount", str(directory)]),
        ("--mount of a folder that does not exist", ["--mount", "/no/such/folder:/data"]),
        ("--mount at a relative path", ["--mount", f"{directory}:data"]),
        ("--env-file that does not exist", ["--env-file", "/no/such/file"]),
        ("--env-file with a broken line", ["--env-file", str(broken)]),
        ("an unknown output format", ["--output", "xml"]),
        ("a status file where nobody can write", ["--status-file", "/no/such/folder/status"]),
        ("a status file that is a folder", ["--status-file", str(directory)]),
    ]
    programs = [("a pipe that nobody writes to", [str(pipe)], {}), ("an empty name", [""], {})]
    return [(title, [*words, APP], {}) for title, words in found] + programs
