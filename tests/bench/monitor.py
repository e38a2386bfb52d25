# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP), and what it shows of the processors: where each of them is."""

import json
import pathlib
import re
import socket
import time

PATIENCE = 30    # seconds; the machine is shared


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.stream = self.socket.makefile("r")
        json.loads(self.stream.readline())    # the greeting
        self.ask("qmp_capabilities")

    def close(self):
        self.stream.close()
        self.socket.close()

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self.stream.readline()
            if not line:
                raise ConnectionError("QEMU ended")
            answer = json.loads(line)
            if "error" in answer:
                raise ValueError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def text(self, line):
        """The answer to a line of the monitor for humans."""
        return self.ask("human-monitor-command", **{"command-line": line})

    def threads(self):
        """The host's thread of each virtual CPU."""
        return [cpu["thread-id"] for cpu in self.ask("query-cpus-fast")]


def processor_seconds(process, threads):
    """User and system time of some threads of a process, in seconds."""
    spent = 0
    for thread in threads:
        # Times in nanoseconds are in schedstat's first field; stat has ticks of 10 ms only.
        spent += int(pathlib.Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0])
    return spent * 1e-9


REGISTER = {name: re.compile(rf"\b{name} ?=\s*(?:[0-9a-f]{{4}} )?([0-9a-f]{{16}})") for name in ("RIP", "RBP", "IDT")}
HALTED = re.compile(r"\bHLT=1")


def processors(text):
    """[{RIP, RBP, IDT} or None where it is halted] out of `info registers -a`."""
    found = []
    for block in re.split(r"^CPU#\d+\s*$", text, flags=re.M)[1:]:
        if HALTED.search(block):
            found.append(None)
        else:
            found.append({name: int(match.group(1), 16) for name, pattern in REGISTER.items()
                          if (match := pattern.search(block))})
    return found
