// SPDX-License-Identifier: Apache-2.0
#include "linux/syscall_trace.h"

#include "base/errno.h"
#include "base/format.h"
#include "process/task.h"
#include "trace/log.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

using Line = TextBuffer<180>;

void append_argument(Line& line, ArgumentKind kind, std::uint64_t value) {
  switch (kind) {
    case ArgumentKind::kInt:
    case ArgumentKind::kDescriptor: line.append("%d", static_cast<std::int32_t>(value)); break;
    case ArgumentKind::kLong: line.append("%ld", static_cast<long>(value)); break;
    case ArgumentKind::kUnsigned: line.append("%lu", value); break;
    case ArgumentKind::kFlags: line.append("%#lx", value); break;
    case ArgumentKind::kAddress: value == 0 ? line.append("NULL") : line.append("%#lx", value); break;
    case ArgumentKind::kPath: {
      char path[100];
      const auto length = copy_string_from_application(path, VirtAddr(value), sizeof(path));
      if (length.ok()) line.append("\"%s\"", path);
      else line.append("%#lx", value);
      break;
    }
    case ArgumentKind::kNone: break;
  }
}

void append_call(Line& line, const SyscallDescription& description, const arch::TrapFrame& frame) {
  line.append("[%d] %s(", current_task().tid(), description.name);
  for (std::size_t i = 0; i < description.argument_count; ++i) {
    if (i > 0) line.append(", ");
    append_argument(line, description.arguments[i], frame.syscall_argument(static_cast<int>(i)));
  }
  line.append(")");
}

}  // namespace

void trace_syscall_entry(const SyscallDescription& description, const arch::TrapFrame& frame) {
  Line line;
  append_call(line, description, frame);
  LOG_INFO("%s ...", line.c_str());
}

void trace_syscall_exit(const SyscallDescription& description, const arch::TrapFrame& frame) {
  const std::int64_t result = frame.result();
  if (result < 0 && result > -4096)
    LOG_INFO("[%d] %s = -1 %s", current_task().tid(), description.name, errno_name(static_cast<Errno>(-result)));
  else if (result > 0x10000)
    LOG_INFO("[%d] %s = %#lx", current_task().tid(), description.name, static_cast<std::uint64_t>(result));
  else
    LOG_INFO("[%d] %s = %ld", current_task().tid(), description.name, static_cast<long>(result));
}

}  // namespace mokapot
