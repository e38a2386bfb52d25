# SPDX-License-Identifier: Apache-2.0
"""What the jcstress harness says of each combination of compilers."""

import collections
import re

from system.jvm_crash import crash_report

# `.......... [OK] org.openjdk.jcstress.samples.JMMSample_05_TotalOrder.VolatileDekker`
VERDICT = re.compile(r"^\s*\.* *\[([A-Z ]+)\] (\S+)\s*$", re.MULTILINE)


def tally(output):
    """{test: [(verdict, what the harness says about that combination)]}"""
    output = output.partition("RUN RESULTS:")[0]  # where all is said again
    found = collections.defaultdict(list)
    verdicts = list(VERDICT.finditer(output))
    for verdict, following in zip(verdicts, [*verdicts[1:], None]):
        found[verdict[2]].append((verdict[1], output[verdict.start():following and following.start()]))
    return found


def judge(combinations):
    """What is wrong with a test, or ''."""
    if not combinations:
        return "the harness says nothing of it"
    reports = [(said, crash_report(said.splitlines())) for verdict, said in combinations if verdict != "OK"]
    if not reports:
        return ""
    said, report = reports[0]
    return "\n".join([f"{len(reports)} of {len(combinations)} combinations; one of them:", said[:4000], *report])
