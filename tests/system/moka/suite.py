# SPDX-License-Identifier: Apache-2.0
"""moka beside running and building: installed, images converted and put on another base, programs checked, VMs
measured."""

import pathlib
import tempfile
import time

from system import jdks
from system.moka import checking, converting, installing, statistics
from system.system import missing_moka

CASES = installing.CASES | converting.CASES | checking.CASES | statistics.CASES


def moka_commands(results, options):
    if missing_moka():
        results.failed("moka", missing_moka())
        return
    for name, case in CASES.items():
        if options.only_case not in name:
            continue
        if jdks.find(17) is None:
            results.skipped(name, jdks.reason_for_absence(17))
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="moka-commands-") as folder:
            problem = case(pathlib.Path(folder))
        if problem.startswith("SKIP "):
            results.skipped(name, problem.removeprefix("SKIP "))
        else:
            results.check(name, problem, time.monotonic() - start)
