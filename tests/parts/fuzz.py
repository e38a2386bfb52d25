# SPDX-License-Identifier: Apache-2.0
"""libFuzzer targets, each for a bounded time: seconds in `make test`, minutes in `make soak`."""

import concurrent.futures
import pathlib
import tempfile

from parts import fuzz_seeds
from parts.process import run

BUILT = pathlib.Path("build/tests/fuzz")
SECONDS = {"test": 8, "soak": 300}


def fuzz_one(source, seconds):
    binary = BUILT / source.stem
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        return "was not built; `make fuzzers` says why"
    target = source.stem.removesuffix("_fuzz")
    seeds = pathlib.Path("tests/fuzz/corpus") / target
    with tempfile.TemporaryDirectory() as found, tempfile.TemporaryDirectory() as made:
        fuzz_seeds.write(target, pathlib.Path(made))
        command = [str(binary), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024",
                   f"-artifact_prefix={BUILT}/{source.stem}-", "-print_final_stats=0", found, made]
        if seeds.is_dir():
            command.append(str(seeds))
        outcome = run(command, seconds * 3 + 60)
    return "" if outcome.status == 0 and not outcome.timed_out else outcome.text()[-4000:]


def targets(options):
    return [s for s in sorted(pathlib.Path("tests/fuzz").glob("*_fuzz.cc")) if options.only_case in str(s)]


def fuzz_seconds(options):
    return len(targets(options)) * SECONDS[options.mode] / options.jobs


def fuzz_targets(results, options):
    sources = targets(options)
    seconds = SECONDS[options.mode]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for source, problem in zip(sources, pool.map(lambda s: fuzz_one(s, seconds), sources)):
            results.check(source.stem, problem)
