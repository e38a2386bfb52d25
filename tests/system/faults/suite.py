# SPDX-License-Identifier: Apache-2.0
"""The parts `faults` and `load`: a VM on networks and among peers that misbehave.

Everything happens in a process of its own (namespace.py) in network and mount namespaces of its own, so that no
interface, address or server of it is ever one of the build machine's, and nothing is left of it when it is killed:
the kernel takes the namespaces away with their last process."""

import json
import os
import pathlib
import subprocess
import sys
import threading

from system import jdks
from system.faults.lab import RELAY, die_with_parent
from system.faults.namespace import SET_UP
from system.system import missing_moka

TESTS = pathlib.Path(__file__).parents[2]
JDK = 25
SECONDS = {"faults": {"test": 180, "soak": 1500}, "load": {"test": 80, "soak": 1900}}
LIMIT = 6  # times as long on a busy host


def why_not():
    """Why namespaces, taps and bridges cannot be had here; '' if they can."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace of its own"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    probe = subprocess.run([*SET_UP, "sh", "-c", "ip link add name probe type bridge && ip tuntap add dev vm mode tap && "
                            "exec 3<>/dev/net/tun"], capture_output=True, text=True)
    return f"no network namespace with a tap and a bridge: {probe.stderr.strip()}" if probe.returncode != 0 else ""


def seconds(part):
    return lambda options: SECONDS[part][options.mode]


def take(results, line, titles):
    """A line of namespace.py: a result, or something to be shown."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        print(line.rstrip(), flush=True)
        return
    titles.add(row["title"])
    results.check(row["title"], row["problem"], row["seconds"])


def run_part(part, results, options):
    missing = missing_moka() or ("" if os.access(RELAY, os.X_OK) else f"{RELAY} was not built; `make test-programs` says why")
    if missing:
        results.failed(part, missing)
        return
    reason = why_not() or ("" if jdks.find(JDK) else jdks.reason_for_absence(JDK))
    if reason:
        results.skipped(part, reason)
        return
    command = [*SET_UP, sys.executable, "-m", "system.faults.namespace", part, options.mode, jdks.find(JDK), options.only_case]
    environment = dict(os.environ, PYTHONPATH=str(TESTS), PYTHONUNBUFFERED="1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                               preexec_fn=die_with_parent)
    limit = threading.Timer(LIMIT * SECONDS[part][options.mode], process.kill)
    limit.start()
    titles = set()
    for line in process.stdout:
        take(results, line, titles)
    status = process.wait()
    if not limit.is_alive():
        results.failed(part, f"no end within {LIMIT * SECONDS[part][options.mode]} s; done were {sorted(titles)}")
    elif status != 0:
        results.failed(part, f"namespace.py ended with {status}; done were {sorted(titles)}")
    limit.cancel()


def faults(results, options):
    run_part("faults", results, options)


def load(results, options):
    run_part("load", results, options)
