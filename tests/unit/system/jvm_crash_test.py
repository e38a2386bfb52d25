# SPDX-License-Identifier: Apache-2.0
"""Which crashes of a JVM are the emulator's. The reports are shortened ones of real crashes."""

import unittest

from system.jvm_crash import crash_report, torn_instruction

AT_THE_JUMP = """
#  SIGSEGV (0xb) at pc=0x00007f5c789445c0, pid=1, tid=40
RIP=0x00007f5c789445c0, EFLAGS=0x0000000000010246, CSGSFS=0x002b000000000033, ERR=0x0000000000000004
Instructions: (pc=0x00007f5c789445c0)
0x00007f5c789445a0:   00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
=>0x00007f5c789445c0:   e9 1b 98 53 07 fe ff 55 48 83 ec 60 48 b8 70 f5
"""

BEHIND_THE_JUMP = """
    #  SIGILL (0x4) at pc=0x00007f78f9807885, pid=1, tid=73
    RIP=0x00007f78f9807885, EFLAGS=0x0000000000000286, CSGSFS=0x002b000000000033, ERR=0x0000000000000000
    Instructions: (pc=0x00007f78f9807885)
    0x00007f78f9807865:   bb 00 00 00 b8 78 7f 00 00 4d 03 d3 4c 3b d0 0f
    0x00007f78f9807875:   85 06 12 18 07 66 0f 1f 44 00 00 e9 7b 89 13 07
    0x00007f78f9807885:   fe ff 55 48 83 ec 60 48 b8 70 f5 c3 b4 78 7f 00
    [MachCode]
    [Entry Point]
      # {method} {0x00007f78b81e5a68} 'get' '()B' in 'java/nio/HeapByteBuffer'
      0x00007f78f9807860: 448b 5608 | 49bb 0000 | 00b8 787f | 0000 4d03 | d34c 3bd0
    [Verified Entry Point]
      0x00007f78f9807880: e97b 8913 | 07fe ff55 | 4883 ec60
"""


# The report crashed itself before it named the entries. 89 1b, 7b 4e, 07: what ran was of the old and of the new.
WITHOUT_ENTRIES = """
#  SIGILL (0x4) at pc=0x00007f58214586e4, pid=1, tid=2
RIP=0x00007f58214586e4, EFLAGS=0x0000000000000206, CSGSFS=0x002b000000000033, ERR=0x0000000000000000
0x00007f58214586d4:   0f 85 a6 03 53 07 66 0f 1f 44 00 00 e9 1b 7b 4e
0x00007f58214586e4:   07 fe ff 55 48 83 ec 30 48 bf e8 c3 41 dc 57 7f
[MachCode]
[Entry Point]
"""


class TornInstruction(unittest.TestCase):
    def test_a_data_access_where_a_jump_stands(self):
        self.assertIn("where a jump stands", torn_instruction(AT_THE_JUMP))

    def test_a_fault_just_behind_an_entry_that_is_a_jump(self):
        self.assertIn("0x7f78f9807880", torn_instruction(BEHIND_THE_JUMP))

    def test_a_fetch_that_faults_is_no_torn_instruction(self):
        self.assertEqual("", torn_instruction(AT_THE_JUMP.replace("ERR=0x0000000000000004", "ERR=0x0000000000000014")))

    def test_a_fault_at_another_instruction_is_none(self):
        self.assertEqual("", torn_instruction(AT_THE_JUMP.replace(": e9 1b", ":   89 84").replace("  e9 1b", "  89 84")))

    def test_a_fault_further_behind_the_entry_is_none(self):
        report = BEHIND_THE_JUMP.replace("pc=0x00007f78f9807885", "pc=0x00007f78f9807890")
        self.assertEqual("", torn_instruction(report))

    def test_a_fault_behind_an_entry_that_is_none_is_none(self):
        self.assertEqual("", torn_instruction(BEHIND_THE_JUMP.replace("00 e9 7b 89", "00 89 84 24")))

    def test_a_fault_inside_what_was_the_first_instruction(self):
        self.assertIn("inside the first instruction", torn_instruction(WITHOUT_ENTRIES))
        for other in ("89 1b 7b 4e", "e9 1b 7b 4e"):
            report = WITHOUT_ENTRIES.replace("e9 1b 7b 4e", other).replace("07 fe ff", "07 90 90")
            self.assertEqual("", torn_instruction(report))
        self.assertEqual("", torn_instruction(WITHOUT_ENTRIES.replace("214586e4, ", "214586e7, ")))

    def test_no_report_says_nothing(self):
        self.assertEqual("", torn_instruction("the VM ended with 134"))
        self.assertEqual([], crash_report(["a", "b"]))


if __name__ == "__main__":
    unittest.main()
