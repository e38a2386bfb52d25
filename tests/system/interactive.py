# SPDX-License-Identifier: Apache-2.0
"""A program that is sent signals when it has said certain things."""

import os
import selectors
import signal
import subprocess
import time

from parts.process import Outcome, run, state_of_vm


def run_with_signals(command, timeout, stdin, env, signals, cwd=None):
    """As process.run; `signals` is ((text, number), ...): each signal is sent to the program when its
    text has appeared on standard output, in that order."""
    if not signals:
        return run(command, timeout, stdin, env, cwd)
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=env, cwd=cwd, start_new_session=True)
    waiting, seen = list(signals), 0
    output = {process.stdout: b"", process.stderr: b""}
    timed_out = False
    with selectors.DefaultSelector() as selector:
        for stream in output:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            left = timeout - (time.monotonic() - start)
            if left <= 0 and not timed_out:
                timed_out = True
                output[process.stderr] += state_of_vm(command, process, env).encode()
                os.killpg(process.pid, signal.SIGKILL)
            for entry, _ in selector.select(max(left, 0.1)):
                data = os.read(entry.fd, 65536)
                if not data:
                    selector.unregister(entry.fileobj)
                output[entry.fileobj] += data
            while waiting and waiting[0][0].encode() in output[process.stdout][seen:]:
                text, number = waiting.pop(0)
                seen = output[process.stdout].index(text.encode(), seen) + len(text)
                time.sleep(0.2)  # the text is out; what the program does next must have begun
                process.send_signal(number)
    status = process.wait()
    return Outcome(status if status >= 0 else 128 - status, output[process.stdout], output[process.stderr],
                   timed_out, time.monotonic() - start)
