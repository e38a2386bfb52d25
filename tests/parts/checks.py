# SPDX-License-Identifier: Apache-2.0
"""Checks of the sources: layers, lint, and code that must not compile. Each has a negative control,
so that a check which stopped checking is noticed."""

import pathlib
import shutil
import subprocess
import tempfile

from parts.process import run


def layers(results, options):
    outcome = run(["make", "-s", "layers"], 120)
    results.check("docs/layers.txt is kept", "" if outcome.status == 0 else outcome.text())
    # Each forbidden include must be caught, with its place.
    bad = {
        "upward": ("kernel/memory/bad.cc", '#include "vm/bad.h"'),
        "sibling": ("kernel/io/bad.cc", '#include "drivers/bad.h"'),
        "private": ("kernel/linux/bad.cc", '#include "drivers/bad.h"'),
        "outside": ("launcher/bad.cc", '#include "memory/bad.h"'),
        "missing": ("kernel/vm/bad.cc", '#include "memory/no_such_file.h"'),
    }
    good = ("kernel/boot/good.cc", '#include "drivers/bad.h"')
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "docs").mkdir()
        shutil.copy("docs/layers.txt", root / "docs")
        headers = [("kernel/vm/bad.h", ""), ("kernel/drivers/bad.h", ""), ("kernel/memory/bad.h", "")]
        for path, text in [*bad.values(), good, *headers]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text + "\n")
        outcome = run(["python3", "tests/lint/layers.py", "--root", name], 60)
    report = outcome.text()
    for kind, (path, _) in bad.items():
        results.check(f"a forbidden include is caught: {kind}",
                      "" if f"{path}:1: includes" in report else f"{path} was not reported:\n{report}")
    results.check("a permitted include is not reported",
                  f"{good[0]} was reported:\n{report}" if good[0] in report else "")


def lint(results, options):
    outcome = run(["make", "-s", "-k", "lint"], 1200)
    results.check("make lint", "" if outcome.status == 0 else outcome.text())


def nocompile(results, options):
    """tests/nocompile/*.cc: as it is each must compile; with -DMUST_FAIL it must not, and for the
    reason named in its `// expect: TEXT` line. The first half proves that the second fails for its
    own reason."""
    flags = make_variable("LINT_CXXFLAGS")
    for source in sorted(pathlib.Path("tests/nocompile").glob("*.cc")):
        expected = [line.partition("expect:")[2].strip() for line in source.read_text().splitlines()
                    if line.startswith("// expect:")][0]
        good = run(["clang++-16", *flags, str(source)], 60)
        bad = run(["clang++-16", *flags, "-DMUST_FAIL", str(source)], 60)
        problem = ""
        if good.status != 0:
            problem = "does not compile without MUST_FAIL:\n" + good.text()
        elif bad.status == 0:
            problem = "compiles with MUST_FAIL"
        elif expected not in bad.text():
            problem = f"failed for another reason than '{expected}':\n" + bad.text()
        results.check(source.name, problem)


def make_variable(name):
    probe = f"include Makefile\nprint-variable:\n\t@echo $({name})\n"
    out = subprocess.run(["make", "-s", "-f", "-", "print-variable"], input=probe, text=True,
                         capture_output=True, check=True)
    return out.stdout.split()
