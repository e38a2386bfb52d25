#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns kernel/linux/syscalls.def into the fuzzer's grammar: a C table of calls and argument kinds."""

import re
import sys

ROW = re.compile(r"^SYSCALL\d\((.*)\)", re.MULTILINE)
KINDS = {"VirtAddr": "kPointer", "Path": "kPath", "Descriptor": "kDescriptor", "std::size_t": "kSize", "size_t": "kSize",
         "Offset": "kOffset", "Flags": "kFlags", "int": "kInteger", "unsigned": "kInteger", "long": "kInteger"}

# A call whose effect would end the test and not the kernel, each with the reason.
EXCLUDED = {
    "exit", "exit_group",                        # ends by definition
    "rt_sigreturn",                              # takes the stack for a frame: any state may follow
    "clone", "clone3", "fork", "vfork",          # a thread on a random stack
    "execve", "execveat",
    "brk", "arch_prctl", "rseq",                 # the C library's own ground
    "close_range",                               # takes the fuzzer's own output
    "pause", "rt_sigsuspend",                    # would sleep with every signal blocked
    "shutdown", "reboot",
}
# Reads an action from memory that it then jumps to, a signal number that may be SIGKILL, or a limit below what
# the fuzzer itself needs: bad pointers only.
BAD_POINTERS_ONLY = {"rt_sigaction", "timer_create", "rt_sigprocmask", "ppoll", "pselect6", "epoll_pwait",
                     "epoll_pwait2", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setitimer", "timer_settime", "setrlimit", "prlimit64",
                     "sched_setaffinity"}
# Works on a stretch of memory: must stay inside the arena.
MEMORY = {"mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "mlock", "mlock2", "munlock", "mincore",
          "mbind", "remap_file_pages", "process_madvise"}


def main():
    text = re.sub(r"//.*", "", open(sys.argv[1]).read())
    print("// Generated from the system-call table.")
    for row in ROW.findall(text):
        words = [word.strip() for word in row.split(",")]
        number, name, rest = words[0], words[1], words[2:]
        if name in EXCLUDED:
            continue
        kinds = []
        for kind, argument in zip(rest[::2], rest[1::2]):
            if argument == "signal":
                kinds.append("kSignal")
            elif kind == "VirtAddr" and name in BAD_POINTERS_ONLY:
                kinds.append("kBadPointer")
            elif kind == "VirtAddr" and name in MEMORY:
                kinds.append("kArena")
            elif KINDS.get(kind) == "kSize" and name in MEMORY:
                kinds.append("kArenaSize")
            else:
                kinds.append(KINDS.get(kind, "kInteger"))
        kinds += ["kNothing"] * (6 - len(kinds))
        print(f'{{{number}, "{name}", {{{", ".join(kinds)}}}}},')


if __name__ == "__main__":
    main()
