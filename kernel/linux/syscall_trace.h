// SPDX-License-Identifier: Apache-2.0
//
// strace-like text of a system call, from its row in the table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/trap_frame.h"

namespace mokapot {

enum class ArgumentKind : std::uint8_t { kNone, kInt, kLong, kUnsigned, kAddress, kPath, kFlags, kDescriptor };

struct SyscallDescription {
  const char* name = nullptr;
  std::size_t argument_count = 0;
  ArgumentKind arguments[7] = {};
};

void trace_syscall_entry(const SyscallDescription& description, const arch::TrapFrame& frame);
void trace_syscall_exit(const SyscallDescription& description, const arch::TrapFrame& frame);

}  // namespace mokapot
