# SPDX-License-Identifier: Apache-2.0
"""The kernel that checks itself (make DEBUG=1): that each of its checks finds the fault that it is for, and that
programs find none."""

import concurrent.futures
import os

from parts.process import run
from system import jdks, system

KERNEL = "build/checked/mokapot-kernel.elf"
HELLO = "build/java/hello.jar"
# The deepest use of a kernel stack that is still far from its end; of 16 KiB.
DEEPEST = 12 * 1024

# What boot/self_test.cc commits, and the words of the panic that must follow.
FAULTS = {
    "stack-overrun": "a kernel stack was written past an array's end",
    "stack-overflow": "kernel stack overflow",
    "heap-overrun": "of 40 bytes was written past its end",
    "heap-after-free": "heap object",
    "double-free": "is freed twice",
    "frame-after-free": "frame at",
    "write-text": "trap 14 in the kernel",
    "write-text-alias": "trap 14 in the kernel",
    "execute-data": "error 0x11",
    "sum-overflow": "undefined behaviour: a sum overflows",
    "index": "undefined behaviour: an index is beyond its array",
    "lock-order": "lock order:",
}
# A kernel that stops answering, and what it must say when it is asked why.
HANG_TIMEOUT = 240
HANG_SAID = ("the VM did not start to answer", "STATE: cpu 0, in the kernel", " hang+0x", "STATE: cpu 1, in ", "Scheduler::idle_loop+0x",
             '[-] "kworker/0" sleeps since ')
# Programs of the matrix: threads, and signals of faults.
PROGRAMS = [(name, jdk, cpus, machine, "-") for name, jdk, cpus, machine in (
    ("hello_jar", "17", "1", "q35"), ("hello_jar", "25", "4", "microvm"), ("hardware", "17", "2", "microvm"),
    ("threads", "25", "2", "microvm"))]


def committed(fault, words):
    outcome = run([system.MOKA, "run", "-m", "256", HELLO], 120,
                  env=system.base_environment() | {"MOKA_KERNEL": KERNEL, "MOKA_KERNEL_OPTIONS": f"mokapot.fail={fault}"})
    text = outcome.text()
    if outcome.status != 125:
        return f"status {outcome.status}, wanted 125\n{text[-2000:]}"
    return "" if f"PANIC: {words}" in text or ("PANIC: " in text and words in text) else f"no panic says '{words}':\n{text[-2000:]}"


def hang():
    outcome = run([system.MOKA, "run", "-c", "2", "-m", "256", HELLO], HANG_TIMEOUT,
                  env=system.base_environment() | {"MOKA_KERNEL": KERNEL, "MOKA_KERNEL_OPTIONS": "mokapot.fail=hang"})
    text = outcome.text()
    problem = "" if outcome.status == 125 else f"status {outcome.status}, wanted 125\n"
    problem += "".join(f"nobody says {words!r}\n" for words in HANG_SAID if words not in text)
    return problem and problem + text[-6000:]


def stack_depth():
    outcome = run([system.MOKA, "run", "-v", HELLO], 120, env=system.base_environment() | {"MOKA_KERNEL": KERNEL})
    found = [line for line in outcome.text().splitlines() if "were used to a depth of" in line]
    if not found:
        return f"the kernel did not say how deep its stacks were used:\n{outcome.text()[-2000:]}"
    depth = int(found[0].split(" depth of ")[1].split()[0])
    return "" if 0 < depth <= DEEPEST else f"kernel stacks were used to a depth of {depth} bytes, of {DEEPEST} that are sound"


def checking(results, options):
    missing = system.missing_moka() or ("" if os.path.exists(KERNEL) else f"{KERNEL} was not built; `make checking-kernel` says why")
    if missing:
        results.failed("the checking kernel", missing)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as beside:  # half a minute of waiting
        hung = beside.submit(hang) if options.only_case in "found: hang" else None
        for fault, words in FAULTS.items():
            if options.only_case in fault:
                results.check(f"found: {fault}", committed(fault, words))
        if hung is not None:
            results.check("found: hang", hung.result())
    if jdks.find(17) is None and jdks.find(25) is None:
        results.skipped("the depth of kernel stacks", "needs a JDK")
    else:
        results.check("the depth of kernel stacks", stack_depth())
    before = os.environ.get("MOKA_KERNEL")
    os.environ["MOKA_KERNEL"] = KERNEL
    try:
        if options.only_case in "guest suite":
            system.guest_suite(results, "checking kernel", "build/tests/guest/guest_suite", ["-c", "2", "-m", "512"])
        system.run_keys(results, [key for key in PROGRAMS if options.only_case in system.case_name(key)], options.jobs)
    finally:
        if before is None:
            del os.environ["MOKA_KERNEL"]
        else:
            os.environ["MOKA_KERNEL"] = before
