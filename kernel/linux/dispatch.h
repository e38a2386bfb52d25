// SPDX-License-Identifier: Apache-2.0
//
// From the entry stub to sys_*: the table of calls, decoding and tracing, all derived from syscalls.def.
#pragma once

#include <cstdint>

#include "arch/traps.h"

namespace mokapot {

enum class SyscallTrace : std::uint8_t { kOff, kOn };
// Makes arch call the table's functions, with strace-like lines in the kernel's log or without. Boot, before the
// application starts; at any time after.
void set_syscall_trace(SyscallTrace trace);

// Name of a call in the table, nullptr for one that is not; and how many arguments it has.
const char* syscall_name(std::uint64_t number);
std::size_t syscall_argument_count(std::uint64_t number);

}  // namespace mokapot
