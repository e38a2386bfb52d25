# SPDX-License-Identifier: Apache-2.0
"""Cases that are functions of a folder of their own and return what is wrong, '' or 'SKIP ' and a reason."""

import pathlib
import tempfile
import time

from system import jdks
from system.system import missing_moka


def run_cases(results, options, part, cases, needs_no_jdk=()):
    """`cases`: {name: case}. Those that are not in `needs_no_jdk` are skipped where there is no JDK 17."""
    if missing_moka():
        results.failed(part, missing_moka())
        return
    for name, case in cases.items():
        if options.only_case not in name:
            continue
        if case not in needs_no_jdk and jdks.find(17) is None:
            results.skipped(name, jdks.reason_for_absence(17))
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"moka-{part}-") as folder:
            problem = case(pathlib.Path(folder))
        if problem.startswith("SKIP "):
            results.skipped(name, problem.removeprefix("SKIP "))
        else:
            results.check(name, problem, time.monotonic() - start)
