# SPDX-License-Identifier: Apache-2.0
"""Finding HotSpot's report of a crash in what a VM said."""

import unittest

from system.jvm_crash import BANNER, MOST_LINES, crash_report


class CrashReport(unittest.TestCase):
    def test_begins_a_line_before_the_banner(self):
        report = crash_report(["Hello", "#", f"# {BANNER} by the Java Runtime Environment:", "#  SIGSEGV"])
        self.assertEqual(["#", f"# {BANNER} by the Java Runtime Environment:", "#  SIGSEGV"], report[1:])

    def test_ends_after_many_lines(self):
        self.assertLessEqual(len(crash_report([BANNER] + ["x"] * 10_000)), MOST_LINES + 1)

    def test_no_report_says_nothing(self):
        self.assertEqual([], crash_report(["a", "b"]))


if __name__ == "__main__":
    unittest.main()
