# SPDX-License-Identifier: Apache-2.0
"""Direct calls: that they are there, that an option takes them away, and that no moment of them is one at which a
non-maskable interrupt, the only one that no code can keep away, does harm. What they do is compared with Linux by the
guest suite (tests/guest/c/suite/direct_calls.c)."""

import json
import pathlib
import socket
import subprocess
import tempfile
import time

from parts.process import run
from system.system import MOKA, base_environment, missing_moka

PROGRAM = "build/tests/guest/direct_calls"
STORM = "build/tests/guest/stress/everything_storm"
STORM_SECONDS = {"test": 6, "soak": 120}
LEAST_INTERRUPTS = 50
PATIENCE = 120
STATES = (("by default", [], b"jump: yes, trampolines: yes, getppid: 0\n"),
          ("--no-direct-calls", ["--no-direct-calls"], b"jump: no, trampolines: no, getppid: 0\n"))


def seconds(options):
    return 10 + 2 * STORM_SECONDS[options.mode]


def connect(path, process):
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            return connection
        except OSError:
            connection.close()
            time.sleep(0.05)
    raise RuntimeError("QEMU's monitor did not answer")


def inject(path, process):
    """Interrupts, one after the other, until the VM ends; how many there were."""
    count = 0
    with connect(path, process) as connection, connection.makefile("r") as lines:
        lines.readline()

        def ask(command):
            connection.sendall(json.dumps({"execute": command}).encode() + b"\n")
            while line := lines.readline():
                answer = json.loads(line)
                if "error" in answer:
                    raise RuntimeError(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return True
            return False

        try:
            ask("qmp_capabilities")
            while ask("inject-nmi"):
                count += 1
        except (ConnectionError, ValueError):
            pass  # QEMU has ended, in the middle of a line perhaps
    return count


def interrupted_storm(results, mode, words):
    title = f"everything_storm under non-maskable interrupts{''.join(' ' + word for word in words)}"
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "qmp")
        process = subprocess.Popen(
            [MOKA, "run", "-v", "-c", "2", "-m", "512", "--qmp", path, *words, STORM, str(STORM_SECONDS[mode])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=base_environment())
        try:
            count = inject(path, process)
            said = process.communicate(timeout=STORM_SECONDS[mode] + PATIENCE)[0]
        except (RuntimeError, subprocess.TimeoutExpired) as problem:
            process.kill()
            results.failed(title, f"{problem}\n{process.communicate()[0].decode(errors='replace')[-3000:]}")
            return
    problem = ""
    if process.returncode != 0 or b"\nok" not in b"\n" + said:
        problem = f"status {process.returncode} after {count} interrupts\n{said.decode(errors='replace')[-3000:]}"
    elif count < LEAST_INTERRUPTS:
        problem = f"only {count} interrupts"
    print(f"{count} interrupts", flush=True)
    results.check(title, problem)


def direct_calls(results, options):
    if missing_moka():
        results.failed("direct calls", missing_moka())
        return
    for title, words, expected in STATES:
        for program in (PROGRAM, PROGRAM + "_dynamic"):
            name = f"{title}, {pathlib.Path(program).name}"
            if options.only_case not in name:
                continue
            got = run([MOKA, "run", *words, program], PATIENCE, env=base_environment())
            results.check(name, "" if got.status == 0 and got.stdout == expected else got.text()[-2000:], got.seconds)
    for words in ([], ["--no-direct-calls"]):
        if options.only_case in "everything_storm":
            interrupted_storm(results, options.mode, words)
