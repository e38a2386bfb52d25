# SPDX-License-Identifier: Apache-2.0
"""What the cases of the part `moka` share."""

import os

from parts.process import run
from system import jdks
from system.jvm_crash import JVM_OPTION
from system.system import MOKA, base_environment

HELLO = "build/java/hello.jar"
PROGRAM = "build/tests/guest/hello_dynamic"
# Of a VM or a build on a machine that does much else; nothing takes a tenth of it.
PATIENCE = 300


def text_of(outcome):
    return outcome.text()[-3000:]


def moka(*words, env=None, cwd=None):
    return run([os.path.abspath(MOKA), *map(str, words)], PATIENCE, env=env or base_environment(), cwd=cwd)


def expect(outcome, status=0):
    """'' or what went wrong."""
    if not outcome.timed_out and outcome.status == status:
        return ""
    return f"status {outcome.status}, wanted {status}: {text_of(outcome)}\n"


def refused(advice, *words, env=None):
    """'' where moka says no in one line that holds the advice."""
    outcome = moka(*words, env=env)
    said = outcome.stderr.decode(errors="replace")
    if outcome.status != 2 or advice not in said or len(said.splitlines()) != 1:
        return f"moka {' '.join(map(str, words))}: status {outcome.status}, wanted one line with {advice!r}: {text_of(outcome)}\n"
    return ""


def java(*options):
    return ["--jdk", jdks.find(17), "-J", JVM_OPTION, *options]


def contents(folder):
    return sorted(path.name for path in folder.iterdir())
