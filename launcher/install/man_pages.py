#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""man_pages.py MOKA FOLDER: moka-COMMAND.1 for each command, from what `moka COMMAND --help` says, so that
there is one text to keep.

Usage lines become the synopsis; lines that begin with two blanks and are in two columns become a list, with
what stands below them further right; the rest are paragraphs.
"""

import pathlib
import re
import subprocess
import sys

ITEM = re.compile(r"^  (\S.*?)(?:  +(\S.*))?$")
CONTINUED = re.compile(r"^ {3,}(\S.*)$")


def roff(text):
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text[:1] in (".", "'") else text


def commands(moka):
    """Names and summaries, from the table that `moka --help` begins with."""
    text = subprocess.run([moka, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  moka (\S+) +(\S.*)$", text.split("\n\nmoka COMMAND --help", 1)[0], re.MULTILINE)


def body(lines):
    """The text behind the usage as roff."""
    out = [".SH DESCRIPTION"]
    in_list = False
    for line in lines:
        item = ITEM.match(line)
        continued = CONTINUED.match(line)
        if not line:
            out.append(".PP")
            in_list = False
        elif continued and in_list:
            out.append(roff(continued.group(1)))
        elif item and not continued:
            out += [".TP", rf".B {roff(item.group(1))}"]
            in_list = True
            if item.group(2):
                out.append(roff(item.group(2)))
        else:
            out.append(roff(line.strip()))
    return [line for line, following in zip(out, out[1:] + [""]) if not (line == ".PP" and following.startswith((".TP", ".SH", ".PP")))
            and not (line == ".PP" and following == "")]


def page(name, summary, text):
    lines = text.rstrip().splitlines()
    synopsis = []
    while lines and re.match(r"^(usage: | {7})moka ", lines[0]):
        synopsis.append(lines.pop(0)[7:])
    out = [r".\" SPDX-License-Identifier: Apache-2.0", f'.TH MOKA\\-{name.upper()} 1 "" "Mokapot" "User Commands"', ".SH NAME",
           f"moka\\-{roff(name)} \\- {roff(summary)}", ".SH SYNOPSIS", ".nf", *map(roff, synopsis), ".fi",
           *body(lines[1:] if lines and not lines[0] else lines), ".SH SEE ALSO", ".BR moka (1)"]
    return "\n".join(out) + "\n"


def main():
    moka, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    found = commands(moka)
    if not found:
        sys.exit(f"{moka} --help names no commands")
    for name, summary in found:
        text = subprocess.run([moka, name, "--help"], capture_output=True, text=True, check=True).stdout
        (folder / f"moka-{name}.1").write_text(page(name, summary, text))


if __name__ == "__main__":
    main()
