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


LONGEST_INSTRUCTION = 15
# A method's first instruction, mov %eax, -PAGES(%rsp): its distance ends in fe ff, and a jump is two bytes shorter.
STACK_BANG = ["89", "84", "24", "", "", "fe", "ff"]


def code_byte(report, address):
    """The byte of code that the report shows at an address, in two hexadecimal digits, or nothing."""
    for line in re.finditer(r"^\s*(?:=>)?0x([0-9a-f]{16}): +((?:[0-9a-f]{2} ?){1,16})\s*$", report, re.MULTILINE):
        begin, code = int(line[1], 16), line[2].split()
        if begin <= address < begin + len(code):
            return code[address - begin]
    return ""


def torn_instruction(report):
    """Why a crash in `report` is the emulator's doing, or nothing.

    HotSpot makes a compiled method not entrant by writing a jump over its first instruction, in words that a processor
    fetches whole. QEMU's TCG translates by reading one byte after another while another virtual CPU writes, and may
    so put together an instruction that was never in memory: of the old bytes at first and of the new ones behind. The
    report then shows one of three things that no processor can do. A data access faulted (ERR without the bit of an
    instruction fetch) at an address where a jump stands, and a jump accesses no data. Or the fault is just behind a
    method's entry, where a jump stands: whoever came in went elsewhere, and nobody else comes there. Or, where the
    report does not get as far as the entries, the fault is within the bytes of what was a method's first instruction.
    """
    found = re.search(r"SIG(?:SEGV|ILL|BUS) \(0x[0-9a-f]+\) at pc=0x([0-9a-f]{16})", report)
    error = re.search(r"\bERR=0x([0-9a-f]{16})", report)
    if not found or not error or int(error[1], 16) & 0x10:
        return ""
    pc = int(found[1], 16)
    if code_byte(report, pc) in ("e9", "eb"):
        return (f"QEMU's translator tore an instruction that HotSpot was replacing: a data access faulted at {pc:#x}, "
                "where a jump stands")
    for entry in re.finditer(r"^\s*\[Verified Entry Point\](?:\s*#[^\n]*)*\s*0x([0-9a-f]{16}):", report, re.MULTILINE):
        address = int(entry[1], 16)
        if address < pc < address + LONGEST_INSTRUCTION and code_byte(report, address) == "e9":
            return (f"QEMU's translator tore an instruction that HotSpot was replacing: a fault at {pc:#x}, just behind "
                    f"the entry {address:#x} of a method that has become a jump")
    for address in range(pc - len(STACK_BANG) + 1, pc):
        code = [code_byte(report, address + i) for i in range(len(STACK_BANG))]
        if code[0] == "e9" and code[-2:] == STACK_BANG[-2:]:
            return (f"QEMU's translator tore an instruction that HotSpot was replacing: a fault at {pc:#x}, inside the "
                    f"first instruction of a method, of which a jump covers all but the end")
    return ""
