#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands as `bin/java` in the JDK that the jcstress harness believes to run on: the JVM that it starts for a test runs
in a VM, all others on the host. JCSTRESS_MOKA, JCSTRESS_JDK and JCSTRESS_CPUS say how."""

import os
import sys

TEST = "org.openjdk.jcstress.ForkedMain"  # HOST PORT TOKEN: where the harness listens
HOST_OF_A_VM = "10.0.2.2"                 # in QEMU's user networking: the host's loopback
MEMORY = "512"                            # MiB; a test's heap is 256


def in_vm(words):
    """The words of `moka` for those of `java`."""
    at = words.index(TEST)
    options, test = [], [HOST_OF_A_VM if word == "127.0.0.1" else word for word in words[at:]]
    rest = iter(words[:at])
    for word in rest:
        options += ["-cp", next(rest)] if word == "-cp" else ["-J", word]
    return ["run", "--jdk", os.environ["JCSTRESS_JDK"], "-c", os.environ["JCSTRESS_CPUS"], "-m", MEMORY,
            "--artifacts", "none", "-J", "-XX:+ErrorFileToStdout", *options, *test]


def main():
    # The harness hands its own options on, and this one is about this file.
    words = [word for word in sys.argv[1:] if not word.startswith("-Djava.home=")]
    if TEST in words:
        moka = os.environ["JCSTRESS_MOKA"]
        os.execv(moka, [moka, *in_vm(words)])
    java = os.path.join(os.environ["JCSTRESS_JDK"], "bin/java")
    os.execv(java, [java, *words])


if __name__ == "__main__":
    main()
