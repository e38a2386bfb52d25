# SPDX-License-Identifier: Apache-2.0
"""A program in a terminal: keys, raw mode, window size, Ctrl-C. The same is typed on the host and in the VM; what
shows must be the same, and the terminal's settings must be the old ones afterwards."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from system.system import MOKA, base_environment, difference, missing_moka

PROGRAM = "build/tests/guest/terminal"
LIMIT = 40
# What the program says, and what is then typed, or the size that the terminal then gets.
SCRIPT = (
    (b"a key?", b"k"),
    (b"control c?", b"\x03"),
    (b"another size?", (40, 132)),
    (b"read: -1", None),
    (b"a line?", b"wron\x7f\x7fong\n"),
    (b"the signal?", b"\x03"),
)


def set_size(terminal_fd, rows, columns):
    fcntl.ioctl(terminal_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def take_terminal():
    """In the child: its standard input is its controlling terminal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def play(command):
    """(status, everything that showed, settings before, settings after); the status is None if it did not end."""
    master, slave = pty.openpty()
    set_size(slave, 24, 80)
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=base_environment(),
                               preexec_fn=take_terminal)
    shown, seen, script = b"", 0, list(SCRIPT)
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            shown += os.read(master, 65536)
        elif process.poll() is not None:
            break
        if script and script[0][0] in shown[seen:]:
            text, action = script.pop(0)
            seen = shown.index(text, seen) + len(text)
            time.sleep(0.3)  # the program has asked, and must be reading
            if isinstance(action, bytes):
                os.write(master, action)
            elif action is not None:
                set_size(master, *action)
    status = process.poll()
    if status is None:
        process.kill()
        process.wait()
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return status, shown, before, after


def terminal(results, options):
    if missing_moka():
        results.failed("a program in a terminal", missing_moka())
        return
    host_status, wanted, _, _ = play([PROGRAM])
    for cpus in (1, 2):
        status, shown, before, after = play([MOKA, "run", "-c", str(cpus), PROGRAM])
        problem = difference("what shows", wanted, shown)
        if status is None:
            problem += f"no end within {LIMIT} s\n"
        elif status != (128 - host_status if host_status < 0 else host_status):
            problem += f"status {status}, on the host {host_status}\n"
        if before != after:
            problem += f"the terminal's settings were {before} and are {after}\n"
        results.check(f"a program in a terminal, {cpus} cpu", problem and problem + shown.decode(errors="replace"))
