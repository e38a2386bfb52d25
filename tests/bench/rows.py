# SPDX-License-Identifier: Apache-2.0
"""What is measured, and the bar for each figure: Mokapot's over the Linux guest's, or an absolute one."""

import dataclasses
import typing

import guests


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    unit: str                   # SCALE's
    program: str
    value: typing.Callable      # of one sample
    ratio_bar: float = None     # at most
    least_ratio: float = None   # at least, where more is better
    absolute_bar: float = None
    minus_empty: bool = False   # less what QEMU takes for the empty kernel
    others_program: str = None  # what the other guests ran, where that is something else
    cpu: typing.Callable = None  # the same thing in QEMU's CPU-seconds, which a busy host disturbs less


def programs(paths, jdk_words):
    """`paths`: what programs.py built. MaxRAM: a guest's kernel takes its share of the memory before the
    JVM looks, and a heap sized by what is left would be another one in each guest."""
    java = (*jdk_words, "-J-XX:MaxRAM=1g")
    jar = str(paths.jar)
    return [
        guests.Program("first", (str(paths.first),), ("first",), seconds=60),
        guests.Program("micro", (str(paths.micro),), ("idle begins", "idle ends"), seconds=180),
        guests.Program("hello", (*java, str(paths.hello_jar)), ("Hello",)),
        guests.Program("null-checks", (*java, "-cp", jar, "NullChecks"), ("figure",)),
        guests.Program("hand-offs", (*java, "-cp", jar, "HandOffs"), ("figure",)),
    ]


def cpu_at(mark):
    return lambda sample: sample.cpu_at(mark)


def wall_at(mark):
    return lambda sample: sample.wall_at(mark)


def measured(key, title, unit, program, **bars):
    """A row for what the program measures itself."""
    return Row(key, title, unit, program, lambda sample: sample.figure(key),
               cpu=lambda sample: sample.cpu_of_figure(key), **bars)


def idle_share(sample):
    spent = sample.cpu_at("idle ends") - sample.cpu_at("idle begins")
    return spent / (sample.wall_at("idle ends") - sample.wall_at("idle begins"))


ROWS = [
    Row("hello-cpu", "CPU-seconds from QEMU's start to hello's output, JDK 17, 2 CPUs, 1 GiB", "s", "hello",
        cpu_at("Hello"), ratio_bar=0.35),
    Row("hello-wall", "the same in wall time", "s", "hello", wall_at("Hello")),
    Row("hello-whole", "hello until everything has ended, CPU-seconds (Mokapot: with moka's own)", "s", "hello",
        lambda sample: sample.cpu_whole),
    Row("hello-rss", "hello: most host memory that QEMU had resident", "MiB", "hello",
        lambda sample: sample.resident_mib),
    Row("first", "to the application's first instruction, CPU-seconds beyond an empty kernel", "s", "first",
        cpu_at("first"), absolute_bar=0.10, minus_empty=True),
    measured("syscall", "trivial system call (getppid)", "us", "micro", ratio_bar=0.30),
    measured("touch-4k", "first touch of 256 MiB, 4 KiB pages (MADV_NOHUGEPAGE)", "s", "micro", ratio_bar=0.35),
    measured("touch-default", "first touch of 256 MiB, defaults", "s", "micro", ratio_bar=0.85),
    measured("touch-4k-cold", "4 KiB pages, the guest's memory not yet backed by the host", "s", "micro"),
    measured("touch-default-cold", "the first round with defaults", "s", "micro"),
    measured("sigsegv", "SIGSEGV round trip in C", "us", "micro", ratio_bar=0.20),
    measured("null-checks", "Java: 20,000 null checks, a third caught", "s", "null-checks", ratio_bar=0.20),
    measured("futex", "futex ping-pong across CPUs, round trip", "us", "micro", ratio_bar=0.15),
    Row("idle", "idle: QEMU's CPU-seconds a second while the program sleeps", "s", "micro", idle_share),
    measured("hand-offs", "Java: 20,000 SynchronousQueue hand-offs", "s", "hand-offs", ratio_bar=0.25),
    measured("thread", "thread start and join in C", "us", "micro", ratio_bar=0.40),
]
SMALLEST_MEMORY_BAR = 40        # MiB
KERNEL_SIZE_BAR = 2             # MiB
SCALE = {"s": 1, "us": 1e6, "ms": 1e3, "MiB": 1, "KiB": 1 / 1024, "MiB/s": 1 / (1 << 20), "1/s": 1, "%": 100}
