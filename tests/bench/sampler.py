# SPDX-License-Identifier: Apache-2.0
"""Where a guest's processors are while it works: the machine is stopped at moments that have nothing to do with
what it does, each processor that is not halted is one sample, and the machine goes on.

Under TCG a processor stops between two translated blocks, in any code alike, interrupts off or on, so the share of
samples is a share of time. An address in the upper half is the kernel's on Linux and on Mokapot alike; the vDSO
is the application's on both (so are, on Mokapot, the trampolines of patched calls, a few instructions each)."""

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
        connection.ask("stop")
        try:
            for registers in monitor.processors(connection.text("info registers -a")):
                if registers is not None:
                    yield registers
        finally:
            connection.ask("cont")


def kernel_share(connection, seconds):
    """(share of running time in the upper half, number of samples)."""
    upper = count = 0
    for registers in samples(connection, seconds):
        count += 1
        upper += registers["RIP"] >= UPPER_HALF
    return (upper / count if count else 0.0), count
