#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the conformance matrix into the README, from the last run of each part of tests/run.py on this machine."""

import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from parts import record  # noqa: E402

README = HERE.parent.parent / "README.md"
BEGIN, END = "<!-- conformance: begin -->\n", "<!-- conformance: end -->\n"
JDKS = ("17", "25")
MODES = {"test": "short", "soak": "whole"}


def areas():
    with open(HERE / "areas.csv", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def jdk_of(name):
    """17, 25, or '' where a result is about no JDK."""
    found = re.search(r"\b(?:jdk|Java) (\d+)", name)
    return found[1] if found else ""


def cell(outcomes):
    """"12 passed, 1 failed", or "-" where nothing ran."""
    counts = [(outcomes.count(word), word) for word in ("passed", "failed", "skipped")]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "-"


def matrix(recorded):
    lines = ["| what | run | JDK 17 | JDK 25 |", "|---|---|---|---|"]
    for area in areas():
        run = recorded.get(area["part"])
        if run is None:
            continue
        matching = [(jdk_of(name), outcome) for name, outcome in run["outcomes"].items()
                    if re.match(area["pattern"], name)]
        cells = [cell([outcome for of, outcome in matching if of == jdk]) for jdk in JDKS]
        if any(cell != "-" for cell in cells):
            lines.append(f"| {area['area']} | {MODES[run['mode']]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def insert(readme, table):
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README lacks the lines {BEGIN.strip()} and {END.strip()}")
    return before + begin + table + end + after


def main():
    recorded = record.load()
    if not recorded:
        print("nothing has run yet: tests/run.py keeps what it saw in build/tests/record", file=sys.stderr)
        return 1
    README.write_text(insert(README.read_text(), matrix(recorded)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
