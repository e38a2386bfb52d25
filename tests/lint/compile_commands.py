#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes compile_commands.json: --group "COMPILER FLAGS" SOURCE..., any number of times."""

import json
import os
import pathlib
import sys


def main():
    arguments = sys.argv[1:]
    assert arguments.pop(0) == "--out"
    out = pathlib.Path(arguments.pop(0))
    entries, command = [], None
    while arguments:
        word = arguments.pop(0)
        if word == "--group":
            command = arguments.pop(0).split()
        else:
            entries.append({"directory": os.getcwd(), "file": word, "arguments": [*command, "-c", word]})
    out.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
