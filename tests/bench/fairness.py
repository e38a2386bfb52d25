# SPDX-License-Identifier: Apache-2.0
"""Whether the JVM decides the same on all sides: its flags, after it has looked at its machine."""

import dataclasses

# Where the class-data archive came to lie: drawn anew at each start, on both sides.
DRAWN = {"SharedBaseAddress"}


def flags(text):
    """{name: value} of -XX:+PrintFlagsFinal."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if "=" in words and line.rstrip().endswith("}"):
            at = words.index("=")
            found[words[at - 1]] = " ".join(words[at + 1:])
    return {name: value for name, value in found.items() if name not in DRAWN}


def compare_flags(guest_list, hello, run_once):
    program = dataclasses.replace(hello, name="flags", words=("-J-XX:+PrintFlagsFinal", *hello.words))
    seen = {}
    for guest in guest_list:
        sample = run_once(guest, program)
        if sample is None:
            return [f"PrintFlagsFinal did not run in {guest.name}: whether the flags are equal is not known"]
        seen[guest.name] = flags(sample.output)
    mine = seen.pop(guest_list[0].name)
    notes = []
    for name, theirs in seen.items():
        differ = sorted(flag for flag in mine.keys() | theirs.keys() if mine.get(flag) != theirs.get(flag))
        if differ or not mine:
            pairs = "; ".join(f"{flag}: {mine.get(flag)} and {theirs.get(flag)}" for flag in differ)
            notes.append(f"PrintFlagsFinal of mokapot and {name} DIFFER ({len(differ)} of {len(mine)}): {pairs}")
        else:
            notes.append(f"PrintFlagsFinal of mokapot and {name}: all {len(mine)} flags are equal")
    return notes
