# SPDX-License-Identifier: Apache-2.0
"""The outcomes of all tests of a run, and the tally that ends it. Safe from several threads."""

import threading


MOST_LINES = 800  # of a failure's description: a JVM's report of a crash is long, and its beginning says most


class Results:
    def __init__(self):
        self.part = ""
        self._rows = []  # (part, name, outcome, detail)
        self._lock = threading.Lock()

    def _record(self, name, outcome, detail):
        with self._lock:
            self._rows.append((self.part, name, outcome, detail))
            if outcome == "failed":
                print(f"FAILED {self.part}: {name}", flush=True)
                for line in (detail or "").rstrip().splitlines()[-MOST_LINES:]:
                    print(f"    {line}", flush=True)

    def passed(self, name, seconds=None):
        """`seconds`: for what takes long enough that one wants to see it go by."""
        self._record(name, "passed", "")
        if seconds is not None:
            print(f"ok {seconds:6.1f} s  {name}", flush=True)

    def failed(self, name, detail):
        self._record(name, "failed", detail)

    def skipped(self, name, reason):
        self._record(name, "skipped", reason)

    def check(self, name, problem, seconds=None):
        """Passed where `problem` is empty, else failed with it."""
        if problem:
            self.failed(name, problem)
        else:
            self.passed(name, seconds)

    def count(self, outcome):
        return sum(1 for row in self._rows if row[2] == outcome)

    def of_part(self, part):
        """{name: outcome}"""
        return {row[1]: row[2] for row in self._rows if row[0] == part}

    def summary(self):
        for outcome in ("skipped", "failed"):
            rows = [row for row in self._rows if row[2] == outcome]
            if rows:
                print(f"\n{outcome}:")
            for part, name, _, detail in rows:
                print(f"  {part}: {name}" + (f": {detail}" if outcome == "skipped" else ""))
        print(f"{self.count('passed')} passed, {self.count('failed')} failed, "
              f"{self.count('skipped')} skipped", flush=True)
