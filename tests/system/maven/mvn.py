# SPDX-License-Identifier: Apache-2.0
"""Real Maven on copies of the sample projects, with a repository of its own, kept under build/ so that what comes
from Maven Central comes once."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid

from parts.process import run
from system.jvm_crash import crash_report

REACTOR = pathlib.Path("java/pom.xml")
REPOSITORY = pathlib.Path("build/maven/repository").absolute()
SAMPLES = pathlib.Path("tests/system/maven/projects")
PLACE = pathlib.Path("build/tests/maven").absolute()
STAND_IN = pathlib.Path("tests/system/maven/stand_in.py").absolute()
VERSION = re.search(r"<version>(.*?)</version>", REACTOR.read_text())[1]
PLUGIN = f"io.mokapot:mokapot-maven-plugin:{VERSION}"
PATIENCE = 900
# What Maven says where Central, or the way there, is missing, and nothing else is wrong.
UNREACHABLE = re.compile(r"Could not transfer (artifact|metadata)|Unknown host|has not been downloaded from it before|"
                         r"Connection (refused|timed out)|Network is unreachable|Cannot access central")


class Unreachable(Exception):
    """Maven Central was needed and could not be reached."""


class Failure(Exception):
    """What a build did wrong."""


def want(holds, what, output):
    if not holds:
        raise Failure(f"{what}:\n" + "\n".join(crash_report(output.splitlines()) or [output[-6000:]]))


class Mvn:
    """Builds in one folder. What they start is found by a variable in its environment."""

    def __init__(self, folder):
        self.folder = folder
        self.tag = f"MOKAPOT_TEST={uuid.uuid4()}"
        name, value = self.tag.split("=")
        self.environment = os.environ | {name: value}

    def command(self, words):
        # What is not a VM's business must not take its time: no terminal colours, no progress of downloads.
        return ["mvn", "-B", "-ntp", f"-Dmaven.repo.local={REPOSITORY}", f"-Dmokapot.version={VERSION}", *words]

    def run(self, *words, status=0, env=None):
        """Its output, once it ended with that status."""
        outcome = run(self.command(words), PATIENCE, cwd=self.folder, env=self.environment | (env or {}))
        output = outcome.text()
        if outcome.status != 0 and UNREACHABLE.search(output):
            raise Unreachable("Maven Central cannot be reached: " + UNREACHABLE.search(output)[0])
        want(outcome.status == status and not outcome.timed_out,
             f"mvn {' '.join(words)} ended with {outcome.status}, not {status}", output)
        return output

    @contextlib.contextmanager
    def running(self, *words):
        """The process, whose lines of output are in `lines`, and which is killed at the end of the block."""
        process = subprocess.Popen(self.command(words), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        build = Build(process)
        try:
            yield build
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def vms(self):
        """Command lines of moka and QEMU that builds in this folder started and that still run."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and self.tag.encode() in (entry / "environ").read_bytes():
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    if os.path.basename(words[0]) in ("moka", "qemu-system-x86_64"):
                        found.append(" ".join(words[:4]))
        return found

    def want_no_vm(self, when, patience=0):
        deadline = time.monotonic() + patience
        while (left := self.vms()) and time.monotonic() < deadline:
            time.sleep(0.2)
        want(not left, f"a VM is left {when}", "\n".join(left))


class Build:
    """A build that goes on."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._change = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._change:
                self.lines.append(line.rstrip("\n"))
                self._change.notify_all()

    def wait_for(self, pattern):
        """The first line with that pattern."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._change:
                for line in self.lines:
                    if re.search(pattern, line):
                        return re.search(pattern, line)
                self._change.wait(1)
            if time.monotonic() > deadline or not self._reader.is_alive():
                output = "\n".join(self.lines)
                if UNREACHABLE.search(output):
                    raise Unreachable("Maven Central cannot be reached")
                raise Failure(f"{pattern!r} was not said:\n{output[-6000:]}")


def sample(name):
    """A builder in a fresh copy of that sample project."""
    root = PLACE / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(SAMPLES, root, ignore=shutil.ignore_patterns("target"))
    return Mvn(root / name)


class StandIn:
    """moka's stand-in, and how it was called."""

    def __init__(self, mvn):
        self.log = mvn.folder / "stand-in.log"
        self.env = {"MOKA_STAND_IN_LOG": str(self.log)}
        self.option = f"-Dmokapot.moka={STAND_IN}"

    def calls(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
