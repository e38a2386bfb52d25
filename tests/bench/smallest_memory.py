# SPDX-License-Identifier: Apache-2.0
"""The least memory in which hello runs with default flags, in steps of 4 MiB, by bisection."""

import dataclasses

STEP, LEAST, MOST = 4, 8, 256
SECONDS = 60
ATTEMPTS = 2    # the host is shared: one failure alone decides nothing


def find(guest, program, say):
    def runs(memory):
        for _ in range(ATTEMPTS):
            sample = guest.run(dataclasses.replace(program, memory=memory, seconds=SECONDS))
            if sample.status == 0 and "Hello" in sample.output:
                say(f"  {guest.name} with {memory} MiB: runs")
                return True
        say(f"  {guest.name} with {memory} MiB: does not run")
        return False

    if not runs(MOST):
        return None
    low, high = LEAST, MOST      # `high` runs; `low` is taken not to
    while high - low > STEP:
        middle = (low + high) // 2 // STEP * STEP
        if runs(middle):
            high = middle
        else:
            low = middle
    return high
