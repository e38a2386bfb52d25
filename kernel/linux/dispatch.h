// SPDX-License-Identifier: Apache-2.0
//
// From the trap to sys_*: decoding, dispatch and tracing, all derived from syscalls.def.
#pragma once

#include <cstdint>

#include "arch/trap_frame.h"

namespace mokapot {

enum class SyscallTrace : std::uint8_t { kOff, kOn };
void set_syscall_trace(SyscallTrace trace);  // strace-like lines in the kernel's log

// Trap handler for system calls: leaves the result, or -errno, in the frame. Thread context.
void dispatch_system_call(arch::TrapFrame& frame);

// Name of a call in the table, nullptr for one that is not.
const char* syscall_name(std::uint64_t number);

}  // namespace mokapot
