# SPDX-License-Identifier: Apache-2.0
"""The README's conformance matrix, and what the jcstress harness says."""

import re
import unittest

from conformance import readme_matrix
from conformance.jcstress import java, verdicts


class Matrix(unittest.TestCase):
    def test_counts_by_jdk(self):
        table = readme_matrix.matrix({"conformance": {"mode": "soak", "commit": "abc", "outcomes": {
            "H2, jdk 17, 1 cpu": "passed", "H2, jdk 17, 2 cpu": "failed", "H2, jdk 25, 2 cpu": "skipped",
            "JNA, jdk 25, 2 cpu": "passed"}}})
        self.assertIn("| H2 | whole | 1 passed, 1 failed | 1 skipped |", table)
        self.assertIn("| JNA | whole | - | 1 passed |", table)
        self.assertNotIn("Lucene", table)

    def test_replaces_only_what_is_between_the_marks(self):
        readme = f"before\n{readme_matrix.BEGIN}old\n{readme_matrix.END}after\n"
        self.assertEqual(readme_matrix.insert(readme, "new\n"),
                         f"before\n{readme_matrix.BEGIN}new\n{readme_matrix.END}after\n")
        with self.assertRaises(ValueError):
            readme_matrix.insert("no marks\n", "new\n")

    def test_every_area_is_a_pattern(self):
        for area in readme_matrix.areas():
            re.compile(area["pattern"])
            self.assertTrue(area["area"] and area["part"])


class Jcstress(unittest.TestCase):
    OUTPUT = """
.......... [OK] org.openjdk.jcstress.samples.A.One
  Compilation: C1
.......... [FAILED] org.openjdk.jcstress.samples.A.One
  Compilation: C2
  0, 0   5   FORBIDDEN
.......... [OK] org.openjdk.jcstress.samples.Two
RUN RESULTS:
.......... [FAILED] org.openjdk.jcstress.samples.Two
"""

    def test_a_verdict_for_each_combination(self):
        found = verdicts.tally(self.OUTPUT)
        self.assertEqual([verdict for verdict, _ in found["org.openjdk.jcstress.samples.A.One"]], ["OK", "FAILED"])
        self.assertIn("1 of 2 combinations", verdicts.judge(found["org.openjdk.jcstress.samples.A.One"]))
        self.assertIn("FORBIDDEN", verdicts.judge(found["org.openjdk.jcstress.samples.A.One"]))
        self.assertEqual(verdicts.judge(found["org.openjdk.jcstress.samples.Two"]), "")
        self.assertNotEqual(verdicts.judge(found["org.openjdk.jcstress.samples.Three"]), "")

    def test_a_vm_in_the_place_of_a_jvm(self):
        java.os.environ.update(JCSTRESS_JDK="/jdk", JCSTRESS_CPUS="4")
        words = java.in_vm(["-cp", "a:b", "-Xmx256M", java.TEST, "127.0.0.1", "1234", "7"])
        self.assertEqual(words[-8:-4], ["-cp", "a:b", "-J", "-Xmx256M"])
        self.assertEqual(words[-4:], [java.TEST, "10.0.2.2", "1234", "7"])
        self.assertEqual(words[words.index("-c") + 1], "4")
        self.assertIn("-Xmx256M", words)


if __name__ == "__main__":
    unittest.main()
