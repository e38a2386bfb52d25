#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands as `bin/java` in the JDK that jtreg believes to test: JVMs that run tests run in a VM, or on the host as the
only process that there may be; those that jtreg asks for their properties run on the host as they are.

`how.json` beside bin/ says how: {"jdk", "one_process"} or {"jdk", "moka", "folders", "cpus", "memory"}."""

import json
import os
import pathlib
import re
import sys

# What runs tests: many, told over a connection to jtreg, or one.
AGENT = "com.sun.javatest.regtest.agent.AgentServer"
ONE_TEST = "com.sun.javatest.regtest.agent.MainWrapper"
HOST_OF_A_VM = "10.0.2.2"  # in QEMU's user networking: the host's loopback
WITH_A_WORD = ("--add-modules", "--add-exports", "--add-opens", "--add-reads", "--patch-module", "--limit-modules",
               "--upgrade-module-path", "--module-path", "-p")
CLASS_PATH = ("-cp", "-classpath", "--class-path")
UNITS = {"": 1 << 20, "k": 1 << 10, "m": 1, "g": 1 / (1 << 10)}  # how many of them are a MiB
# Of the host's, not of the test's.
NOT_PASSED_ON = ("CLASSPATH", "PATH", "PWD", "_", "SHLVL")


def memory(words, least):
    """MiB for a JVM with these options: the heap it asks for, as much again for all else, and no less than usual."""
    found = [re.fullmatch(r"-Xmx(\d+)([kmgKMG]?)", word) for word in words]
    heaps = [int(match[1]) / UNITS[match[2].lower()] for match in found if match]
    return str(max([least, *(int(heap * 2) for heap in heaps)]))


def in_vm(how, words, at):
    """The words of `moka` for those of `java`, whose main class is words[at]."""
    options, rest = [], iter(words[:at])
    has_class_path = False
    for word in rest:
        if word in CLASS_PATH:
            options += ["-cp", next(rest)]
            has_class_path = True
        elif word in WITH_A_WORD and word.startswith("--"):
            options += ["-J", f"{word}={next(rest)}"]
        elif word in WITH_A_WORD:
            options += ["-J", word, "-J", next(rest)]
        else:
            options += ["-J", word]
    if not has_class_path:
        options += ["-cp", os.environ.get("CLASSPATH", ".")]
    test = words[at:]
    if test[0] == AGENT:
        test[1:] = ["-host", HOST_OF_A_VM, *without_host(test[1:])]
    environment = [word for name in sorted(os.environ) if name not in NOT_PASSED_ON for word in ("-e", name)]
    mounts = [word for folder in how["folders"] for word in ("--mount", f"{folder}:{folder}")]
    return ["run", "--jdk", how["jdk"], "-c", str(how["cpus"]), "-m", memory(words[:at], how["memory"]), "--no-publish",
            "--artifacts", "none", *mounts, *environment, "-J", "-XX:+ErrorFileToStdout", *options, *test]


def without_host(words):
    at = words.index("-host") if "-host" in words else len(words)
    return words[:at] + words[at + 2:]


def main():
    how = json.loads((pathlib.Path(sys.argv[0]).parent.parent / "how.json").read_text())
    words = sys.argv[1:]
    java = os.path.join(how["jdk"], "bin/java")
    at = next((number for number, word in enumerate(words) if word in (AGENT, ONE_TEST)), None)
    if at is None:
        os.execv(java, [java, *words])
    if "moka" in how:
        os.execv(how["moka"], [how["moka"], *in_vm(how, words, at)])
    os.execv(how["one_process"], [how["one_process"], java, *words])


if __name__ == "__main__":
    main()
