# SPDX-License-Identifier: Apache-2.0
"""What a JVM says when it crashes, for the report of a test: in a VM the file that it would write is lost."""

JVM_OPTION = "-XX:+ErrorFileToStdout"
MOST_LINES = 700  # to the registers, what they point at (arrays in full), the stack and the code around the fault
BANNER = "A fatal error has been detected"


def crash_report(lines):
    """The beginning of HotSpot's error report in `lines`, or nothing."""
    for number, line in enumerate(lines):
        if BANNER in line:
            return ["the JVM crashed:", *lines[max(number - 1, 0):number + MOST_LINES]]
    return []
