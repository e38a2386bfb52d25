# SPDX-License-Identifier: Apache-2.0
"""The outcomes of each part's last whole run, kept in build/tests/record for the matrix in the README."""

import json
import pathlib
import subprocess

PLACE = pathlib.Path("build/tests/record")


def save(part, mode, outcomes):
    """`outcomes`: {name: passed, failed or skipped}."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    (PLACE / f"{part}.json").write_text(json.dumps(
        {"mode": mode, "commit": commit.stdout.strip(), "outcomes": outcomes}, indent=1) + "\n")


def load():
    """{part: {"mode", "commit", "outcomes"}}"""
    return {file.stem: json.loads(file.read_text()) for file in sorted(PLACE.glob("*.json"))}
