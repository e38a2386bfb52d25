#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the make rule that links each unit test, from its `// sources:` lines.

A source that does not exist is left in the rule, so that make names it: the test fails to build and
is counted as failed, instead of being linked without what it tests.
"""

import argparse
import pathlib
import re

SOURCES = re.compile(r"^//\s*sources:\s*(.*)$", re.MULTILINE)
LIBRARIES = re.compile(r"^//\s*libs:\s*(.*)$", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    for test in options.tests:
        text = pathlib.Path(test).read_text()
        sources = [word for line in SOURCES.findall(text) for word in line.split()]
        libraries = " ".join(LIBRARIES.findall(text))
        objects = " ".join(f"{options.out}/obj/{source}.o" for source in [test, *dict.fromkeys(sources)])
        binary = f"{options.out}/{test.removeprefix('tests/unit/').removesuffix('.cc')}"
        # libbase comes twice: it needs the fake panic, and the fakes need it.
        print(f"{binary}: {objects} {options.out}/libbase.a {options.out}/libfakes.a\n"
              f"\t@mkdir -p $(@D)\n"
              f"\t$(call step,LINK) $(UNIT_CXX) $(UNIT_CXXFLAGS) -o $@ $^ {options.out}/libbase.a "
              f"-lgtest_main -lgtest -pthread {libraries}")


if __name__ == "__main__":
    main()
