# SPDX-License-Identifier: Apache-2.0
"""tests/stress and the system-call fuzzer in VMs: each checks itself and says how much it did; the kernel
reports all threads' states where it stands still, which is what a time-out shows."""

import array
import concurrent.futures
import os
import pathlib

from parts.process import run
from system.system import MOKA, base_environment, missing_moka

# make test: of each run. make soak: of all runs together, each with the same share.
TEST_SECONDS = 8
SOAK_SECONDS = 1800
CPUS = {"test": (2,), "soak": (2, 4)}
# The disk's storm reads a file of more than the VM's memory, where a missed interrupt shows at once: with one CPU.
DISK_CPUS = {"test": (1,), "soak": (1, 2)}
DISK_MEMORY = 96        # MiB
DISK_FILE = 192 << 20   # bytes
DISK_FOLDER = pathlib.Path("build/tests/stress/disk")


def reads_disk(binary):
    return binary.endswith("/disk_storm")


def disk_words(binary, seconds):
    """moka's and the program's words; the file's 8-byte words hold their own numbers."""
    file = DISK_FOLDER / "numbers"
    if not file.exists() or file.stat().st_size != DISK_FILE:
        DISK_FOLDER.mkdir(parents=True, exist_ok=True)
        size = array.array("Q").itemsize
        with open(file, "wb") as out:
            for start in range(0, DISK_FILE // size, 1 << 20):
                array.array("Q", range(start, min(start + (1 << 20), DISK_FILE // size))).tofile(out)
    return ["-m", str(DISK_MEMORY), "--dir", str(DISK_FOLDER), os.path.abspath(binary), str(seconds), file.name]


def plan(options):
    """[(title, binary, cpus)] and the seconds of each."""
    binaries = [f"build/tests/guest/stress/{path.stem}" for path in sorted(pathlib.Path("tests/stress").glob("*.c"))]
    binaries.append("build/tests/guest/fuzzer")
    runs = [(f"{os.path.basename(binary)}, {cpus} cpu", binary, cpus) for binary in binaries
            for cpus in (DISK_CPUS if reads_disk(binary) else CPUS)[options.mode]]
    seconds = SOAK_SECONDS // len(runs) if options.mode == "soak" else TEST_SECONDS
    return [one for one in runs if options.only_case in one[0]], seconds


def jobs(options):
    # Two VMs of four CPUs each would wait for the host rather than for each other.
    return 1 if options.mode == "soak" else options.jobs


def stress_seconds(options):
    runs, seconds = plan(options)
    return len(runs) * seconds / jobs(options)


def stress(results, options):
    if missing_moka():
        results.failed("stress", missing_moka())
        return
    runs, seconds = plan(options)
    limit = seconds * 2 + 90
    print(f"{len(runs)} runs of {seconds} s each", flush=True)

    def one(case):
        title, binary, cpus = case
        if not os.path.exists(binary):
            results.failed(title, f"{binary} was not built")
            return
        env = base_environment()
        if reads_disk(binary):
            words = disk_words(binary, seconds)
            env["XDG_CACHE_HOME"] = str(DISK_FOLDER.parent.absolute() / "cache")  # images of that size are nobody else's
        else:
            words = ["-m", "512", "-e", "MOKA_FUZZ=1", binary, str(seconds)]
        got = run([MOKA, "run", "-v", "-c", str(cpus), *words], limit, env=env)
        problem = ""
        if got.timed_out:
            problem = f"no end within {limit} s\n"
        elif got.status != 0 or b"\nok" not in b"\n" + got.stdout:
            problem = f"status {got.status}\n"
        results.check(title, problem and problem + got.text()[-6000:], got.seconds)

    with concurrent.futures.ThreadPoolExecutor(jobs(options)) as pool:
        list(pool.map(one, runs))
