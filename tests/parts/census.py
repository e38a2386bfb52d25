# SPDX-License-Identifier: Apache-2.0
"""Every system call that the census of real JVMs found has an entry in the table.

The census is not part of this repository: it lies beside it, in ../shared/abi, and the check is a skip
where it does not.
"""

import csv
import pathlib
import re

CENSUS = pathlib.Path("../shared/abi/syscalls.csv")
TABLE = pathlib.Path("kernel/linux/syscalls.def")
ENTRY = re.compile(r"^\s*[A-Z_0-9]+\(\s*(\d+)\s*,\s*(\w+)", re.MULTILINE)


def implemented(results, options):
    if not CENSUS.exists():
        results.skipped("the census", f"no {CENSUS}")
        return
    if not TABLE.exists():
        results.failed("the census", f"no {TABLE}")
        return
    table = {int(number): name for number, name in ENTRY.findall(TABLE.read_text())}
    with CENSUS.open(newline="") as file:
        for row in csv.DictReader(file):
            number = int(row["number"])
            missing = "" if number in table else f"number {number} has no entry in {TABLE}"
            results.check(f"tier {row['tier']}: {row['syscall']}", missing)
