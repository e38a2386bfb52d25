# SPDX-License-Identifier: Apache-2.0
"""Where a guest's processors are while it works: looked at in moments that have nothing to do with what it does.
Each processor that is not halted is one sample.

The machine is not stopped for it. Stopping lets processors go on at different times, on a busy host many
milliseconds apart, and those that wait for a lock of one that does not yet run would be seen far too often. Under KVM
QEMU asks the processor; under TCG, from QEMU 7.2 on, the instruction pointer in memory is the beginning of the block that
is being executed, for every translated jump writes it (position-independent translation).

An address in the upper half is the kernel's on Linux and on Mokapot alike; the vDSO is the application's on both (so
are, on Mokapot, the trampolines of patched calls, a few instructions each)."""

import random
import time

import monitor

UPPER_HALF = 1 << 63


def samples(connection, seconds):
    """Yields the registers of each processor that ran at one of the moments."""
    source = random.Random(7)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(source.uniform(0.002, 0.012))
        for registers in monitor.processors(connection.text("info registers -a")):
            if registers is not None:
                yield registers


def kernel_share(connection, seconds, file):
    """(share of running time in the upper half, number of samples). The samples go to `file` for tests/bench/profile."""
    upper = count = 0
    with open(file, "w") as kept:
        for registers in samples(connection, seconds):
            count += 1
            upper += registers["RIP"] >= UPPER_HALF
            kept.write(f"{registers['RIP']:x} {registers['IDT']:x}\n")
    return (upper / count if count else 0.0), count
