# SPDX-License-Identifier: Apache-2.0
"""What a JVM says when it crashes, for the report of a test: in a VM the file that it would write is lost."""

import re

JVM_OPTION = "-XX:+ErrorFileToStdout"
MOST_LINES = 700  # to the registers, what they point at (arrays in full), the stack and the code around the fault
BANNER = "A fatal error has been detected"


def crash_report(lines):
    """The beginning of HotSpot's error report in `lines`, or nothing."""
    for number, line in enumerate(lines):
        if BANNER in line:
            return ["the JVM crashed:", *lines[max(number - 1, 0):number + MOST_LINES]]
    return []


def torn_instruction(report):
    """Why a crash in `report` is the emulator's doing, or nothing.

    HotSpot makes a compiled method not entrant by writing a jump over its first instruction, in words that a processor
    fetches whole. QEMU's TCG translates by reading one byte after another while another virtual CPU writes, and may
    so put together an instruction that was never in memory: of the old bytes at first and of the new ones behind. The
    report then shows a data access that faulted (ERR without the bit of an instruction fetch) at an address where a
    jump stands, and a jump accesses no data.
    """
    pc = re.search(r"SIG(?:SEGV|ILL) \(0x[0-9a-f]+\) at pc=0x([0-9a-f]{16})", report)
    error = re.search(r"\bERR=0x([0-9a-f]{16})", report)
    if not pc or not error or int(error[1], 16) & 0x10:
        return ""
    code = re.search(rf"0x{pc[1]}: +([0-9a-f]{{2}})(?: |$)", report, re.MULTILINE)
    if not code or code[1] not in ("e9", "eb"):
        return ""
    return (f"QEMU's translator tore an instruction that HotSpot was replacing: a data access faulted at 0x{pc[1]}, "
            "where a jump stands")
