# SPDX-License-Identifier: Apache-2.0
"""A network namespace of the build machine that looks like the VM's own network, so that what Linux says of such a
machine can be asked; and one with nothing but loopback, where a test has every port for itself."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

# What QEMU's user networking gives the VM.
HARDWARE_ADDRESS = "52:54:00:12:34:56"
ADDRESS, ADDRESS6 = "10.0.2.15/24", "fec0::5054:ff:fe12:3456/64"
ROUTER = "10.0.2.2"


def reason_for_absence():
    """'' where namespaces can be made."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"ip netns: {done.stderr.strip()}"


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def namespace(suffix):
    """The name of a new network namespace with loopback up; removed at the end."""
    name = f"moka-test-{os.getpid()}-{suffix}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "del", name)


@contextlib.contextmanager
def like_the_vm():
    """The words before a command that has it run in a machine with the VM's interfaces: lo, and eth0 as the second
    one. What is sent by eth0 ends in another namespace, where nobody is."""
    with namespace("vm") as machine, namespace("far") as far:
        # The other end's number is far from those that are looked at.
        ip("-n", far, "link", "add", "far0", "index", "100", "type", "veth", "peer", "name", "eth0", "index", "2",
           "address", HARDWARE_ADDRESS, "netns", machine)
        ip("-n", far, "link", "set", "far0", "up")
        # Nobody has to be asked whether the addresses are free.
        ip("netns", "exec", machine, "sysctl", "-q", "net.ipv6.conf.eth0.accept_dad=0")
        ip("-n", machine, "link", "set", "eth0", "up")
        ip("-n", machine, "addr", "add", ADDRESS, "broadcast", "+", "dev", "eth0")
        ip("-n", machine, "addr", "add", ADDRESS6, "dev", "eth0", "nodad")
        ip("-n", machine, "route", "add", "default", "via", ROUTER)
        yield ["ip", "netns", "exec", machine]


@contextlib.contextmanager
def with_name_server(name, server):
    """The words before a command that has it run in that namespace, with `server` in /etc/resolv.conf."""
    with tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path(folder) / "resolv.conf"
        settings.write_text(f"nameserver {server}\n")
        yield ["ip", "netns", "exec", name, "unshare", "-m", "sh", "-c",
               f'mount --bind {settings} "$(readlink -f /etc/resolv.conf)" && exec "$@"', "sh"]
