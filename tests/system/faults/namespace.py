# SPDX-License-Identifier: Apache-2.0
"""Runs a part's cases inside the namespaces that SET_UP makes: one line of JSON a result; other lines are for people.

  python -m system.faults.namespace PART MODE JDK [CASE]
"""

import contextlib
import json
import sys
import time
import traceback

from system.jvm_crash import BANNER

# sysfs shows the namespace that it was mounted in, and moka looks for taps there.
SET_UP = ["unshare", "--net", "--mount", "--propagation", "private", "--",
          "sh", "-c", 'mount -t sysfs sysfs /sys && exec "$@"', "sh"]

EVIDENCE = 3500  # characters of what a VM said, but for the report of a crash


def say(title, problem, start):
    print(json.dumps({"title": title, "problem": problem, "seconds": time.monotonic() - start}), flush=True)


def shortened(text):
    return text if BANNER in text else text[-EVIDENCE:]


def attempt(title, work, evidence=lambda: ""):
    start, problem = time.monotonic(), ""
    try:
        work()
    except Exception as error:  # of any kind: the other cases still count
        where = traceback.extract_tb(error.__traceback__)[-1]
        problem = f"{type(error).__name__}: {error}\nat {where.filename}:{where.lineno}\n{shortened(evidence())}"
    say(title, problem, start)
    return not problem


def warm_up(vm):
    """What a JVM opens and keeps at first use is no leak later."""
    from system.faults import guest as g
    from system.faults import lab
    for _ in range(2):
        for address in (lab.GUEST4, lab.GUEST6):
            g.works(address, 300_000)
            g.datagrams(address, [8, 1400, 4000] * 5)
            with contextlib.closing(g.web(address)) as connection:
                g.download(connection, 1000)
                g.upload(connection, b"x" * 1000)
        with contextlib.closing(g.connect(lab.GUEST4, g.KEPT_ALIVE)) as connection:
            g.echo(connection, b"warm")
        vm.report()


def one_vm(cases, mode, jdk):
    """Cases that share a VM; where it ends, the rest goes on in a new one."""
    from system.faults import guest as g
    from system.faults import lab
    while cases:
        with lab.Lab() as net, g.Guest(jdk, g.STATIC) as vm:
            if not attempt(f"a VM for {cases[0][0]}", lambda: (vm.serving(), warm_up(vm)), vm.evidence):
                return
            while cases:
                title, case = cases.pop(0)
                if attempt(title, lambda: case(net, vm, mode), vm.evidence):
                    continue
                if vm.process.poll() is not None:
                    break
                net.impair()
                vm.tell("abort")  # what it has left behind is not to be held against the next one


def faults(mode, jdk, only):
    from system.faults import addresses, bad_network, hostile, names, peers
    one_vm([row for row in bad_network.CASES + peers.CASES + hostile.CASES + names.CASES if only in row[0]], mode, jdk)
    for title, case in addresses.CASES:
        if only in title:
            attempt(title, lambda: case(jdk, mode))


def load(mode, jdk, only):
    from system.faults import load as mixed
    if only in mixed.TITLE:
        attempt(mixed.TITLE, lambda: mixed.run(jdk, mode))


def main():
    from system.faults.lab import die_with_parent
    die_with_parent()
    part, mode, jdk, *only = sys.argv[1:]
    {"faults": faults, "load": load}[part](mode, jdk, only[0] if only else "")


if __name__ == "__main__":
    main()
