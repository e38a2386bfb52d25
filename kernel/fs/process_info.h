// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells of the program: filled by exec when it has built the program's stack, read by the
// procfs nodes. Text is copied; addresses are for /proc/self/stat and auxv.
//
// Lock: none. set_process_info runs before the program's first instruction, and once more only if the
// program is replaced, when it is the only thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "fs/dentry.h"

namespace mokapot {

struct ProcessInfo {
  RefPtr<Dentry> executable;                      // /proc/self/exe leads here
  VirtAddr argument_begin, argument_end;          // the strings on the application's stack, NUL separated
  VirtAddr environment_begin, environment_end;
  VirtAddr code_begin, code_end, data_begin, data_end;
  VirtAddr break_start;
  VirtAddr stack_start;                           // stack pointer at the first instruction: stat field 28
  std::span<const std::uint64_t> auxiliary_vector;  // pairs, AT_NULL included; copied
  std::string_view hostname;                      // copied; "" keeps "localhost"
  Instant started;                                // set by set_process_info
};

Result<void> set_process_info(const ProcessInfo& info);  // kENOMEM
const ProcessInfo& process_info();                       // spans and views point to the copies

}  // namespace mokapot
