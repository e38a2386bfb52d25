#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every source file must be: licensed by an SPDX line near its top, and of readable length."""

import pathlib
import re
import subprocess
import sys

SUFFIXES = {".cc", ".h", ".c", ".S", ".ld", ".def", ".java", ".py", ".sh", ".mk", ".inc"}
SPDX = re.compile(r"SPDX-License-Identifier: Apache-2\.0")
LONG, TOO_LONG = 400, 600
# Tables are read by searching and not from top to bottom, so their length is no burden.
TABLES = {".def"}


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    problems = 0
    for path in sorted(set(map(pathlib.Path, listed))):
        if not path.is_file() or (path.suffix not in SUFFIXES and path.name != "Makefile"):
            continue
        lines = path.read_text(errors="replace").splitlines()
        if not any(SPDX.search(line) for line in lines[:4]):
            print(f"{path}:1: no SPDX-License-Identifier in the first lines")
            problems += 1
        if path.suffix in TABLES or len(lines) <= LONG:
            continue
        if len(lines) > TOO_LONG:
            print(f"{path}:{TOO_LONG}: {len(lines)} lines: split it")
            problems += 1
        else:
            print(f"{path}: note: {len(lines)} lines, over {LONG}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
