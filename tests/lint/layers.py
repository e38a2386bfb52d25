#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against docs/layers.txt, and draws the order.

Each violation is one line, `file:line: includes X: rule`, and makes the status 1. System headers
(<...>) are free; a quoted include must name a file of this repository.
"""

import argparse
import collections
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SOURCES = {".h", ".hpp", ".cc", ".c", ".S", ".inc", ".def"}


class Rules:
    """docs/layers.txt, read. Malformed lines are errors: a rule that is not read protects nothing."""

    def __init__(self, path):
        self.layer, self.outside, self.private, self.headers, self.external = {}, {}, {}, {}, {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            kind, _, rest = line.partition(" ")
            if kind == "layer":
                level, *folders = rest.split()
                for folder in folders:
                    self.layer[folder] = int(level)
                continue
            name, colon, folders = rest.partition(":")
            table = {"outside": self.outside, "private": self.private, "headers": self.headers,
                     "external": self.external}.get(kind)
            if table is None or not colon:
                raise SystemExit(f"{path}:{number}: not understood: {line}")
            table[name.strip()] = folders.split()

    def folder_of(self, path):
        """The longest declared folder that holds `path`, or None."""
        best = None
        for folder in [*self.layer, *self.outside]:
            if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
                best = folder
        return best

    def check(self, source, target):
        """None where `source` may include `target`, else the rule it breaks."""
        for private, allowed in self.private.items():
            if target.startswith(private + "/") and not any(
                    source.startswith(folder + "/") for folder in [private, *allowed]):
                return f"{private} is private to {', '.join(allowed)}"
        here, there = self.folder_of(source), self.folder_of(target)
        if here is None:
            return "this file's folder has no place in docs/layers.txt"
        if here == there:
            return None
        if here in self.outside:
            if there in self.outside[here]:
                return None
            return f"{here} may include only {', '.join([here, *self.outside[here]])}"
        if there is None or there in self.outside:
            return "the included file's folder has no place in the kernel's layers"
        if self.layer[there] < self.layer[here]:
            return None
        relation = "sibling of" if self.layer[there] == self.layer[here] else "above"
        return f"{there} (layer {self.layer[there]}) is {relation} {here} (layer {self.layer[here]})"


def resolve(root, rules, source, kind, name):
    """The repository path an include names; None for a system header, False where it names nothing it may."""
    first = name.split("/")[0]
    if first in rules.external:
        here = str(source.relative_to(root))
        return None if any(here.startswith(folder + "/") for folder in rules.external[first]) else False
    if first in rules.headers:
        return f"{rules.headers[first][0]}/{name}"
    bases = [root / "kernel", root / "launcher", root] + ([source.parent] if kind == '"' else [])
    for base in reversed(bases):
        if (base / name).is_file():
            return str((base / name).resolve().relative_to(root))
    return None if kind == "<" else False


def scan(root, rules):
    problems, edges = [], collections.Counter()
    folders = [root / "kernel", *(root / name for name in rules.outside)]
    files = sorted(f for folder in folders if folder.is_dir() for f in folder.rglob("*")
                   if f.suffix in SOURCES and f.is_file())
    for file in files:
        source = str(file.relative_to(root))
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = resolve(root, rules, file, *found.groups())
            if target is None:
                continue
            rule = "no such file in the repository, or third-party code reserved to others" if target is False else rules.check(source, target)
            if rule:
                problems.append(f"{source}:{number}: includes {found[2]}: {rule}")
            else:
                edges[rules.folder_of(source), rules.folder_of(target)] += 1
    return files, problems, edges


def draw(rules, edges, path):
    """One row a layer, one box a folder; inside a box, how many includes reach which folder below."""
    rows = collections.defaultdict(list)
    for folder, level in rules.layer.items():
        rows[level].append(folder)
    width, height, out = 210, 96, []
    for index, level in enumerate(sorted(rows, reverse=True)):
        out.append(f'<text x="8" y="{index * height + 50}" class="n">{level}</text>')
        for column, folder in enumerate(rows[level]):
            x, y = 40 + column * (width + 12), index * height + 8
            uses = [f"{there.split('/')[-1]} {count}" for (here, there), count in sorted(edges.items())
                    if here == folder and there != folder]
            out.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height - 12}" rx="6"/>')
            out.append(f'<text x="{x + 10}" y="{y + 20}" class="f">{folder}/</text>')
            for line in range(0, min(len(uses), 12), 3):
                text = ", ".join(uses[line:line + 3])
                out.append(f'<text x="{x + 10}" y="{y + 36 + line * 5}">{text}</text>')
    total = max(len(folders) for folders in rows.values()) * (width + 12) + 48
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{len(rows) * height + 8}">'
        '<style>rect{fill:#f6f1ea;stroke:#6b4a2b}text{font:11px sans-serif;fill:#333}'
        '.f{font-weight:bold;font-size:13px}.n{font-size:18px;fill:#6b4a2b}</style>'
        + "".join(out) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--draw", type=pathlib.Path, help="write an SVG picture here")
    options = parser.parse_args()
    root = options.root.resolve()
    rules = Rules(root / "docs/layers.txt")
    files, problems, edges = scan(root, rules)
    for problem in problems:
        print(problem)
    if options.draw:
        options.draw.parent.mkdir(parents=True, exist_ok=True)
        draw(rules, edges, options.draw)
    if not problems:
        print(f"layers: {len(files)} files, {sum(edges.values())} includes, all permitted")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
