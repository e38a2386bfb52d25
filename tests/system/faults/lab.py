# SPDX-License-Identifier: Apache-2.0
"""A network of one's own: a VM's tap, a bad network and this host's end of it.

    VM -- tap `vm` -- bridge `hub` -- tap `near` == relay == tap `far`, with this end's addresses

It is made in the network namespace that the calling process was started in (suite.py) and goes with it. The relay's
taps offer no offloads, so the kernel cuts and sums what passes them, and faults hit frames as they are on a wire.
"""

import contextlib
import ctypes
import ipaddress
import pathlib
import signal
import subprocess

RELAY = "build/tests/faults/relay"
PR_SET_PDEATHSIG = 1

HOST4, GUEST4, PREFIX4 = "10.77.0.1", "10.77.0.2", 24
HOST6, GUEST6, PREFIX6 = "fd77::1", "fd77::2", 64
STRANGER4 = "10.77.0.9"     # a second address of this end, which can vanish
QUEUE = 20_000              # frames, so that nothing is lost which the profile does not lose
COUNTS = ("passed", "lost", "duplicated", "reordered", "corrupted", "overflowed")


def die_with_parent(number=signal.SIGKILL):
    """For Popen's preexec_fn: nothing outlives a test that was killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def ip(words):
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {words}: {done.stderr.strip()}")


def sysctl(name, value):
    with contextlib.suppress(FileNotFoundError):
        pathlib.Path("/proc/sys/net", name).write_text(str(value))


class Lab:
    """The network, for the block; `mtu` is the most that passes anywhere."""

    def __init__(self, seed=1, mtu=1500):
        self.seed, self.mtu = seed, mtu

    def __enter__(self):
        sysctl("ipv6/conf/all/accept_dad", 0)
        sysctl("ipv6/conf/default/accept_dad", 0)
        sysctl("ipv4/ip_local_port_range", "10000 60999")
        ip("link set lo up")
        ip("link add name hub type bridge")
        for name in ("vm", "near", "far"):
            ip(f"tuntap add dev {name} mode tap")
            ip(f"link set {name} mtu {self.mtu} txqueuelen {QUEUE} up")
        for name in ("vm", "near"):
            ip(f"link set {name} master hub")
            sysctl(f"ipv6/conf/{name}/disable_ipv6", 1)
        sysctl("ipv6/conf/hub/disable_ipv6", 1)
        sysctl("ipv4/conf/hub/arp_ignore", 8)  # Linux answers for any of its addresses at any interface
        ip(f"link set hub mtu {self.mtu} up")
        ip(f"addr add {HOST4}/{PREFIX4} dev far")
        ip(f"addr add {HOST6}/{PREFIX6} dev far nodad")
        self._relay = subprocess.Popen([RELAY, str(self.seed), "near", "far"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        if self._relay.stdout.readline() != "ready\n":
            raise OSError("the relay did not start")
        return self

    def __exit__(self, *_):
        self._relay.stdin.close()
        self._relay.wait(10)
        for name in ("hub", "vm", "near", "far"):
            ip(f"link del {name}")

    def _ask(self, line):
        self._relay.stdin.write(line + "\n")
        self._relay.stdin.flush()
        return self._relay.stdout.readline().strip()

    def impair(self, profile=""):
        """What the network does from now on; the profile's words are those of relay/impairment.h."""
        if self._ask(profile) != "ok":
            raise ValueError(f"no such profile: {profile}")

    def counts(self):
        """What has become of frames so far: (towards this end, towards the VM)."""
        numbers = [int(word) for word in self._ask("counts").split()]
        half = len(COUNTS)
        return dict(zip(COUNTS, numbers[:half])), dict(zip(COUNTS, numbers[half:]))

    @contextlib.contextmanager
    def impaired(self, profile):
        self.impair(profile)
        try:
            yield
        finally:
            self.impair()

    def set_link(self, up):
        """The VM's tap; frames to and from it are lost while it is down."""
        ip(f"link set vm {'up' if up else 'down'}")

    def set_host_mtu(self, mtu):
        ip(f"link set far mtu {mtu}")

    @contextlib.contextmanager
    def second_address(self):
        """An address of this end's that can be taken away: gives the function that does it."""
        here = [True]

        def vanish():
            if here[0]:
                ip(f"addr del {STRANGER4}/{PREFIX4} dev far")
                here[0] = False
        ip(f"addr add {STRANGER4}/{PREFIX4} dev far")
        try:
            yield vanish
        finally:
            vanish()


def is_ipv6(address):
    return ipaddress.ip_address(address.partition("%")[0]).version == 6
