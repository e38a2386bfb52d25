# SPDX-License-Identifier: Apache-2.0
"""Programs under KVM, however slow it is: kvm-clock, x2APIC and the TSC-deadline timer are real there.

Not every /dev/kvm can run them. One that emulates CPL 0 code in software carries out integer instructions
only, and stops a VM at the first XRSTOR or vector instruction. tests/system/kvm/kvm_instructions shows that
without any kernel of ours; then an ordinary program is a skip that says so, and the program that needs no
such instruction must run all the same."""

import os

from parts.process import run
from system.system import MOKA, base_environment, missing_moka

PROBE = "build/tests/system/kvm_instructions"
GUEST = "build/tests/guest"
LIMIT = 300
# The kernel's words for the three that only a hypervisor's CPU has.
LOG = {"kvm-clock": ("clock: kvm-clock", "by kvm-clock"), "x2APIC": ("apic: x2APIC",), "TSC deadline": ("timer: TSC deadline",)}


def run_in_kvm(program, cpus, kernel_options=""):
    return run([MOKA, "run", "-v", "-c", str(cpus), program, "a", "b"], LIMIT,
               env=base_environment() | {"MOKA_ACCELERATOR": "kvm", "MOKA_KERNEL_OPTIONS": kernel_options})


def judge(program, got):
    """'' or what went wrong; the host is the oracle."""
    host = run([program, "a", "b"], 20, env=base_environment())
    problem = ""
    if got.timed_out:
        problem += f"no end within {LIMIT} s\n"
    elif got.status != host.status:
        problem += f"status {got.status}, wanted {host.status}\n"
    if got.stdout != host.stdout:
        problem += f"stdout {got.stdout!r}, wanted {host.stdout!r}\n"
    log = got.stderr.decode(errors="replace")
    problem += "".join(f"the kernel does not use {name}\n" for name, words in LOG.items()
                       if not any(word in log for word in words))
    return problem and f"{problem}after {got.seconds:.0f} s\n{log[-4000:]}"


def kvm(results, options):
    title = "programs under KVM"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        results.skipped(title, f"/dev/kvm: {error.strerror}")
        return
    if missing_moka():
        results.failed(title, missing_moka())
        return
    probe = run([PROBE], 90)
    print(probe.text(), end="", flush=True)
    lacking = [line.split("  ")[0] for line in probe.stdout.decode().splitlines() if "NOT carried out" in line]
    for cpus in (1, 2):
        program = f"{GUEST}/no_vectors"
        results.check(f"no_vectors, {cpus} cpu", judge(program, run_in_kvm(program, cpus, "mokapot.noxsave")))
    program = f"{GUEST}/hello"
    problem = judge(program, run_in_kvm(program, 1))
    if problem and lacking:
        results.skipped("hello, 1 cpu", "this host's KVM is at fault: at CPL 0 it does not carry out " + "; ".join(lacking))
    else:
        results.check("hello, 1 cpu", problem)
