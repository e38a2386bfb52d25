# SPDX-License-Identifier: Apache-2.0
"""Running programs with a time limit that really ends them, children included."""

import dataclasses
import json
import os
import signal
import subprocess
import time


@dataclasses.dataclass
class Outcome:
    status: int          # as a shell sees it: 128 + signal where a signal ended the program
    stdout: bytes
    stderr: bytes
    timed_out: bool
    seconds: float

    def text(self):
        return (self.stdout + self.stderr).decode(errors="replace")


def stop(process):
    """Ends a process, which leads a group of its own: in good order, or after half a minute with all its children."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


VM_TOOL_PATIENCE = 20


def state_of_vm(command, process, env):
    """What the threads of the `moka run` that this process is do, in the kernel and in the JVM; "" for other programs."""
    if os.path.basename(command[0]) != "moka" or command[1:2] != ["run"]:
        return ""
    said = ""
    try:
        listed = subprocess.run([command[0], "ps", "--output", "json"], timeout=VM_TOOL_PATIENCE, env=env,
                                capture_output=True, check=True)
        names = [vm["name"] for vm in json.loads(listed.stdout) if vm["pid"] == process.pid and vm["running"]]
        for words in [[name, *option] for name in names for option in (["--kernel"], [])]:
            got = subprocess.run([command[0], "threads", *words], timeout=VM_TOOL_PATIENCE, env=env, capture_output=True,
                                 check=False)
            said += f"\nmoka threads {' '.join(words)}:\n" + (got.stdout + got.stderr).decode(errors="replace")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said += f"\nwhat its threads do is not known: {error}\n"
    return said


def run(command, timeout, stdin=b"", env=None, cwd=None, signals=()):
    """Runs `command` in a process group of its own. `signals` is a list of (seconds, number): sent to
    the program (not its group) when that long has passed. At the time limit the group is killed."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=env, cwd=cwd, start_new_session=True)
    timed_out = False
    pending = list(signals)
    data = stdin
    while True:
        limit = timeout - (time.monotonic() - start)
        if pending:
            limit = min(limit, pending[0][0] - (time.monotonic() - start))
        try:
            out, err = process.communicate(data, timeout=max(limit, 0.01))
            break
        except subprocess.TimeoutExpired:
            data = None
            elapsed = time.monotonic() - start
            if pending and elapsed >= pending[0][0]:
                process.send_signal(pending.pop(0)[1])
            elif elapsed >= timeout:
                timed_out = True
                state = state_of_vm(command, process, env)
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                err += state.encode()
                break
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Outcome(status, out, err, timed_out, time.monotonic() - start)
