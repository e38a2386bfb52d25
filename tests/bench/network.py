# SPDX-License-Identifier: Apache-2.0
"""The network between the host and a guest: a namespace of the harness's own with a tap in it, or QEMU's user
networking. docs/concepts/measuring.md says which is measured why."""

import os
import subprocess

MAC = "52:54:00:12:34:56"    # QEMU's first network device, whose address moka leaves as it is


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Tap:
    """One tap for guests with one CPU and one with several queues for the others: a tap is opened as it was made.
    The neighbour is entered by hand, so that no measurement waits for an answer to ARP."""
    name = "tap"

    def __enter__(self):
        self.namespace = f"moka-bench-{os.getpid()}"
        ip("netns", "add", self.namespace)
        self.inside("link", "set", "lo", "up")
        for number, queues in ((1, ()), (2, ("multi_queue",))):
            tap = f"bench{number}"
            self.inside("tuntap", "add", "dev", tap, "mode", "tap", *queues)
            self.inside("addr", "add", f"10.77.{number}.1/24", "dev", tap)
            self.inside("link", "set", tap, "up")
            self.inside("neigh", "add", f"10.77.{number}.2", "lladdr", MAC, "dev", tap, "nud", "permanent")
        self.prefix = ("ip", "netns", "exec", self.namespace)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)

    def inside(self, *words):
        ip("-n", self.namespace, *words)

    @staticmethod
    def number(cpus):
        return 1 if cpus == 1 else 2

    def address(self, cpus):
        return f"10.77.{self.number(cpus)}.2"

    def words(self, program):
        """moka's options."""
        return ("--net", f"tap:bench{self.number(program.cpus)}", "--ip", f"{self.address(program.cpus)}/24")

    def netdev(self, recorded, program):
        """What another guest's QEMU is told in place of moka's open taps."""
        identity = recorded.split(",")[1]
        queues = f",queues={recorded.count(':') + 1}" if ":" in recorded else ""
        return f"tap,{identity},ifname=bench{self.number(program.cpus)},script=no,downscript=no{queues}"


class User:
    """QEMU's user networking, as `moka run` gives it to everybody who asks for nothing."""
    name = "user"
    prefix = ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def address(self, _cpus):
        return "127.0.0.1"

    def words(self, program):
        return ("-p", f"127.0.0.1:{program.port}:{program.port}")

    def netdev(self, recorded, program):
        return f"{recorded.split(',hostfwd=')[0]},hostfwd=tcp:127.0.0.1:{program.port}-:{program.port}"


KINDS = {kind.name: kind for kind in (Tap, User)}
