# SPDX-License-Identifier: Apache-2.0
"""moka beside running and building: installed, images converted and put on another base, programs checked, VMs
measured."""

from system.folder_cases import run_cases
from system.moka import checking, converting, installing, statistics

CASES = installing.CASES | converting.CASES | checking.CASES | statistics.CASES


def moka_commands(results, options):
    run_cases(results, options, "commands", CASES)
