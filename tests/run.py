#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every kind of test and ends with one line: `N passed, N failed, N skipped`.

  tests/run.py [--mode test|soak|kvm] [--only PART]... [--list]

A part is a function in tests/parts that takes a Results and an Options and records one result a test.
Nothing is dropped silently: what could not run is a skip with its reason, listed before the tally;
what should have been built and was not is a failure.
"""

import argparse
import dataclasses
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from parts import census, checks, fuzz, record, unit  # noqa: E402
from parts.results import Results  # noqa: E402
from system import checking, collectors, confinement, direct_calls, images, kvm, limits, network, scheduling, stress  # noqa: E402
from system import system, terminal  # noqa: E402
from system import tools  # noqa: E402
from system.netsuites import suite as netsuites  # noqa: E402
from system.faults import suite as misbehaving  # noqa: E402
from system.jars import suite as public_jars  # noqa: E402
from system.maven import suite as maven  # noqa: E402
from system.moka import suite as moka  # noqa: E402
from system.tomcat import suite as tomcat  # noqa: E402
from conformance import suite as conformance  # noqa: E402
from conformance.openjdk import suite as openjdk  # noqa: E402

# In order of how soon they tell something.
PARTS = {
    "layers": checks.layers,
    "lint": checks.lint,
    "nocompile": checks.nocompile,
    "unit": unit.unit_tests,
    "census": census.implemented,
    "fuzz": fuzz.fuzz_targets,
    "badinput": system.bad_input,
    "confinement": confinement.confinement,
    "guest": system.guest_programs,
    "direct": direct_calls.direct_calls,
    "scheduling": scheduling.scheduling,
    "checking": checking.checking,
    "images": images.images,
    "moka": moka.moka_commands,
    "network": network.network,
    "netsuites": netsuites.netsuites,
    "tomcat": tomcat.tomcat,
    "maven": maven.maven,
    "faults": misbehaving.faults,
    "load": misbehaving.load,
    "conformance": conformance.conformance,
    "openjdk": openjdk.openjdk,
    "jars": public_jars.jars,
    "terminal": terminal.terminal,
    "tools": tools.tools,
    "stress": stress.stress,
    "limits": limits.limits,
    "collectors": collectors.collectors,
    "matrix": system.matrix,
}
MODES = {
    "test": list(PARTS),
    "soak": list(PARTS),
    "kvm": ["kvm"],
}
PARTS["kvm"] = kvm.kvm

# About how many seconds the long parts take; the others take a few minutes together.
ESTIMATES = {
    "fuzz": fuzz.fuzz_seconds,
    "guest": system.guest_seconds,
    "direct": direct_calls.seconds,
    "maven": maven.seconds,
    "faults": misbehaving.seconds("faults"),
    "load": misbehaving.seconds("load"),
    "conformance": conformance.seconds,
    "openjdk": openjdk.seconds,
    "jars": public_jars.seconds,
    "stress": stress.stress_seconds,
    "limits": limits.limits_seconds,
    "collectors": collectors.collectors_seconds,
    "matrix": system.matrix_seconds,
}


def print_estimate(parts, options):
    """So that nobody starts the whole by mistake, or gives it up too early."""
    seconds = {name: ESTIMATES[name](options) for name in parts if name in ESTIMATES}
    words = ", ".join(f"{name} {value / 60:.0f} min" for name, value in seconds.items())
    print(f"about {sum(seconds.values()) / 60:.0f} minutes on two cores that do nothing else: {words}", flush=True)


@dataclasses.dataclass
class Options:
    mode: str
    only_case: str
    jobs: int


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=MODES, default="test")
    parser.add_argument("--only", action="append", choices=PARTS, help="run this part alone (repeatable)")
    parser.add_argument("--case", default="", help="run only cases whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="VMs and test programs at a time")
    parser.add_argument("--list", action="store_true", help="print the parts and end")
    arguments = parser.parse_args()
    # A shell starts background jobs with these ignored, and the programs under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if arguments.list:
        print("\n".join(PARTS))
        return 0
    options = Options(arguments.mode, arguments.case, arguments.jobs)
    results = Results()
    parts = arguments.only or MODES[options.mode]
    if options.mode == "soak":
        print_estimate(parts, options)
    for name in parts:
        start = time.monotonic()
        results.part = name
        print(f"== {name}", flush=True)
        try:
            PARTS[name](results, options)
        except Exception as error:  # a broken part is a failure, and the other parts still count
            results.failed("(the part itself)", f"{type(error).__name__}: {error}")
        print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)
        if not options.only_case:
            record.save(name, options.mode, results.of_part(name))
    results.summary()
    return 1 if results.count("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
