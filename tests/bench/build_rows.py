# SPDX-License-Identifier: Apache-2.0
"""How long `moka build --no-train` takes: of hello from a warm cache, and after a change of the application. There is no
guest in it: the bars are absolute."""

import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import zipfile

NAMES = ("build",)
BAR = 0.4
WARM_UP = 3     # builds; the first makes the layers, the second finds them unchanged, from then on nothing is new


class Failed(Exception):
    pass


def build(command, environment):
    """(CPU-seconds of moka and all that it ran, seconds)"""
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"moka build: {said.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began


def change(jar, turn):
    with zipfile.ZipFile(jar, "a") as archive:
        archive.writestr(f"turn-{turn}.txt", f"{turn}\n")


def row(key, title, values):
    return {"key": key, "title": title, "unit": "s", "ratio_bar": None, "least_ratio": None, "absolute_bar": BAR,
            "mokapot": statistics.median(values)}


def measure(moka, jdk, kernel, hello_jar, runs, say):
    """Rows as report.py wants them."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        jar = folder / "hello.jar"
        shutil.copy(hello_jar, jar)
        environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "MOKA_KERNEL": str(kernel)}
        command = [str(moka), "build", "--no-train", "--jdk", str(jdk), str(jar), "-o", str(folder / "hello.img")]
        for _ in range(WARM_UP):
            build(command, environment)
        warm, changed = [], []
        for turn in range(runs):
            warm.append(build(command, environment))
            change(jar, turn)
            changed.append(build(command, environment))
            say(f"  turn {turn + 1}/{runs} build        cpu {warm[-1][0]:7.3f} s  wall {warm[-1][1]:7.3f} s; "
                f"changed: cpu {changed[-1][0]:7.3f} s  wall {changed[-1][1]:7.3f} s")
    title = "moka build --no-train of hello from a warm cache"
    return [row("build-warm", title, [wall for _, wall in warm]),
            row("build-warm-cpu", f"{title}, CPU-seconds", [cpu for cpu, _ in warm]),
            row("build-changed", "the same after a change of the application", [wall for _, wall in changed]),
            row("build-changed-cpu", "the same, CPU-seconds", [cpu for cpu, _ in changed])]
