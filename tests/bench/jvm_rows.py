# SPDX-License-Identifier: Apache-2.0
"""What a JVM does for long: collectors, contended locks, a mix of transactions, and nothing at all."""

import guests
from rows import Row, idle_share, measured

COLLECTORS = ("Serial", "Parallel", "G1", "Z", "Shenandoah")
# Collectors with which the company is measured from a cold start, on one processor, which its threads, the compilers and the
# collector then share; and with how small a young generation, so that there are collections.
COLD = ("Serial", "G1")
COLD_START = ("-J-Xmx400m", "-J-Xmn4m")
# A wholesale company's warehouses, and transactions of each.
MIX = ("2", "60000")
COLD_MIX = ("2", "8000")


def programs(paths, jdk_words):
    java = (*jdk_words, "-J-XX:MaxRAM=1g")
    jar = str(paths.jar)
    churns = [guests.Program(f"churn-{name}", (*jdk_words, "-J-Xms512m", "-J-Xmx512m", f"-J-XX:+Use{name}GC", "-cp", jar,
                                               "AllocationChurn", name), (f"figure churn-{name}",), seconds=300)
              for name in COLLECTORS]
    return [
        *churns,
        guests.Program("locks", (*java, "-cp", jar, "LockMix"), ("figure locks",), seconds=300),
        guests.Program("wholesale", (*java, "-cp", jar, "WholesaleMix", *MIX), ("figure wholesale",), seconds=600),
        *(guests.Program(f"cold-{name}", (*jdk_words, *COLD_START, f"-J-XX:+Use{name}GC", "-cp", jar, "ColdStart", *COLD_MIX),
                         ("figure cold-compilers",), cpus=1, seconds=300) for name in COLD),
        guests.Program("idle-jvm", (*java, "-cp", jar, "IdleJvm"), ("idle begins", "idle ends"), seconds=60),
    ]


NAMES = tuple(f"churn-{name}" for name in COLLECTORS) + tuple(f"cold-{name}" for name in COLD) + ("locks", "wholesale", "idle-jvm")

ROWS = [
    *(row for name in COLLECTORS for row in (
        measured(f"churn-{name}", f"4 GB in arrays of 1 KiB, 512 MiB heap, {name}", "s", f"churn-{name}", ratio_bar=0.97),
        Row(f"pauses-{name}", f"its collections, {name}: the sum that the JVM states", "s", f"churn-{name}",
            lambda sample, key=f"pauses-{name}": sample.figure(key), ratio_bar=0.95))),
    measured("locks", "contended monitors, locks and queues", "s", "locks", ratio_bar=0.60),
    Row("wholesale", "wholesale company's transactions a second, 2 warehouses", "1/s", "wholesale",
        lambda sample: sample.figure("wholesale"), least_ratio=1.05),
    *(row for name in COLD for row in (
        Row(f"cold-{name}", f"8,000 transactions each from a cold start, 1 CPU, {name}", "s", f"cold-{name}",
            lambda sample: sample.figure("cold"), cpu=lambda sample: sample.cpu_of_figure("cold")),
        Row(f"cold-pauses-{name}", f"its collections, {name}: the sum that the JVM states", "s", f"cold-{name}",
            lambda sample: sample.figure("cold-pauses")))),
    Row("idle-jvm", "an idle JVM: QEMU's CPU-seconds a second", "s", "idle-jvm", idle_share, absolute_bar=0.01),
    Row("idle-jvm-rss", "most host memory that QEMU had resident for it", "MiB", "idle-jvm",
        lambda sample: sample.resident_mib, ratio_bar=0.6),
]
