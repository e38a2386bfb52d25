// SPDX-License-Identifier: Apache-2.0
//
// clockid_t: Linux's fixed clocks, and the CPU-time clocks of threads and processes, whose ids are negative
// numbers (pthread_getcpuclockid, clock_getcpuclockid).
#pragma once

#include <cstdint>

#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "process/task.h"

namespace mokapot {

inline constexpr int kClockRealtime = 0;
inline constexpr int kClockMonotonic = 1;
inline constexpr int kClockProcessCpu = 2;
inline constexpr int kClockThreadCpu = 3;

// What a clock runs by. Boot time and raw time are the monotonic clock's: the VM is never suspended, and
// nothing disciplines the clock.
enum class ClockKind : std::uint8_t { kRealtime, kMonotonic, kProcessCpu, kThreadCpu };

// Reading a process's clock accepts any of its thread ids; other uses want the process's own.
enum class ClockUse : std::uint8_t { kRead, kOther };

struct ClockId {
  ClockKind kind = ClockKind::kMonotonic;
  bool can_sleep = false;        // clock_nanosleep and timer_create serve it
  std::int64_t resolution = 1;   // nanoseconds
  RefPtr<Task> task;             // kThreadCpu: whose

  // kEINVAL: there is no such clock, or no such thread.
  static Result<ClockId> find(int id, ClockUse use);
  // Of a CPU clock, now. Any context but NMI.
  Duration cpu_time() const;
  bool counts_cpu_time() const { return kind == ClockKind::kProcessCpu || kind == ClockKind::kThreadCpu; }
};

}  // namespace mokapot
