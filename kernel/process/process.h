// SPDX-License-Identifier: Apache-2.0
//
// The one process: how it ends, its limits.
//
// Lock: none; the end is decided by one compare-and-exchange. Limits: spinlock (rank kTask).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

enum class EndedBy : std::uint8_t { kApplication, kKernel };
struct ProcessEnd {
  int status = 0;   // as a shell would see it: 128 + signal where a signal ended it
  int signal = 0;
  EndedBy by = EndedBy::kApplication;
  char reason[120] = {};
};

// The first call decides; every task stops on its next way back to the application. Returns to the caller,
// which parks itself by park_calling_task(). Thread or interrupt context.
void end_process(const ProcessEnd& end);
bool process_ended();
[[noreturn]] void park_calling_task();
// For the thread that sees to the end of the VM: blocks until the process has ended.
ProcessEnd wait_for_process_end();

struct ResourceLimit {
  std::uint64_t soft, hard;
};
inline constexpr unsigned kResourceLimitCount = 16;
inline constexpr unsigned kLimitStack = 3, kLimitDescriptors = 7;
Result<ResourceLimit> resource_limit(unsigned resource);  // kEINVAL
Result<void> set_resource_limit(unsigned resource, ResourceLimit limit);
void initialise_resource_limits();

// Ends the calling task: robust futexes, clear_child_tid; the last one ends the process.
[[noreturn]] void exit_current_task(int status);

}  // namespace mokapot
