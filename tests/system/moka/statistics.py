# SPDX-License-Identifier: Apache-2.0
"""moka stats: numbers that a VM's doings change."""

import contextlib
import json
import subprocess
import threading
import urllib.request

from system.moka.common import MOKA, PATIENCE, base_environment, expect, java, moka, refused

SERVER = "build/tests/system/network.jar"


@contextlib.contextmanager
def server(env):
    """A web server in a VM of the name `measured`: what moka says of its port on the host, or None."""
    process = subprocess.Popen([MOKA, "run", *java(), "--output", "json", "--name", "measured", "-cp", SERVER, "WebServer", "8080"],
                               env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    # A VM that never listens is ended, and with it the lines.
    limit = threading.Timer(PATIENCE, process.kill)
    limit.start()
    try:
        for line in process.stderr:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "published":
                    yield event
                    return
        yield None
    finally:
        limit.cancel()
        process.kill()
        process.communicate(timeout=PATIENCE)


def stats(env, *words):
    outcome = moka("stats", *words, "measured", env=env)
    return outcome, json.loads(outcome.stdout) if outcome.status == 0 and words else {}


def measured(folder):
    env = base_environment() | {"XDG_STATE_HOME": str(folder / "state")}
    with server(env) as port:
        if port is None:
            return "the server's port did not appear"
        outcome, before = stats(env, "--output", "json")
        if problem := expect(outcome):
            return problem
        for _ in range(20):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port['port']}/bytes?1000", timeout=PATIENCE) as answer:
                answer.read()
        outcome, after = stats(env, "--output=json")
        if problem := expect(outcome):
            return problem
        text, _ = stats(env)
        problem = expect(text)
    for title in ("host", "guest", "heap", "received", "firewall"):
        problem += "" if f"\n{title} " in "\n" + text.stdout.decode() else f"no line {title}: {text.stdout.decode()}\n"
    guest, network = after["guest"], after["network"]
    if not 0 < guest["freeBytes"] <= guest["memoryBytes"] or guest["applicationBytes"] <= 0:
        problem += f"the guest's memory: {guest}\n"
    if not after["heap"] or not 0 < after["heap"]["usedBytes"] <= after["heap"]["committedBytes"] <= guest["memoryBytes"]:
        problem += f"the heap: {after['heap']}\n"
    if after["host"]["residentBytes"] <= 0 or after["host"]["cpuSeconds"] < before["host"]["cpuSeconds"]:
        problem += f"the host: {before['host']}, {after['host']}\n"
    for name in ("receivedBytes", "sentPackets"):
        if network[name] <= before["network"][name]:
            problem += f"{name} did not grow: {before['network'][name]}, {network[name]}\n"
    if network["firewallTcpDrops"] is None:
        problem += "what the firewall has dropped is not known\n"
    return problem + refused("no VM", "stats", "nobody", env=env) + refused("which VM", "stats", env=env) \
        + refused("text and json", "stats", "--output", "xml", "x", env=env)


CASES = {"what a VM takes": measured}
