// SPDX-License-Identifier: Apache-2.0
//
// See clock_id.h. A negative id holds the complement of a thread id in all but its low three bits; of these,
// the highest says "thread", and the low two which clock (3: a device, of which there are none).

#include "process/clock_id.h"

#include <utility>

namespace mokapot {
namespace {

constexpr std::int64_t kCoarseResolution = 4'000'000;  // as Linux at 250 ticks a second

Result<ClockId> dynamic_clock(int id, ClockUse use) {
  constexpr int kThreadBit = 4, kWhichMask = 3, kDeviceClock = 3;
  if ((id & kWhichMask) == kDeviceClock) return Errno::kEINVAL;
  const ThreadId tid = ~(id >> 3);
  if ((id & kThreadBit) != 0) {
    RefPtr<Task> task = tid == 0 ? RefPtr<Task>(&current_task()) : find_task(tid);
    if (!task) return Errno::kEINVAL;
    return ClockId{ClockKind::kThreadCpu, false, 1, std::move(task)};
  }
  const bool own_thread = use == ClockUse::kRead && tid == current_task().tid();
  if (tid != 0 && tid != kProcessId && !own_thread) return Errno::kEINVAL;
  return ClockId{ClockKind::kProcessCpu, false, 1, nullptr};
}

}  // namespace

Result<ClockId> ClockId::find(int id, ClockUse use) {
  if (id < 0) return dynamic_clock(id, use);
  switch (id) {
    case kClockRealtime: return ClockId{ClockKind::kRealtime, true, 1, nullptr};
    case kClockMonotonic: return ClockId{ClockKind::kMonotonic, true, 1, nullptr};
    case kClockProcessCpu: return ClockId{ClockKind::kProcessCpu, false, 1, nullptr};
    case kClockThreadCpu: return ClockId{ClockKind::kThreadCpu, false, 1, RefPtr<Task>(&current_task())};
    case 4: return ClockId{ClockKind::kMonotonic, false, 1, nullptr};                  // MONOTONIC_RAW
    case 5: return ClockId{ClockKind::kRealtime, false, kCoarseResolution, nullptr};   // REALTIME_COARSE
    case 6: return ClockId{ClockKind::kMonotonic, false, kCoarseResolution, nullptr};  // MONOTONIC_COARSE
    case 7: return ClockId{ClockKind::kMonotonic, true, 1, nullptr};                   // BOOTTIME
    case 8: return ClockId{ClockKind::kRealtime, true, 1, nullptr};                    // REALTIME_ALARM
    case 9: return ClockId{ClockKind::kMonotonic, true, 1, nullptr};                   // BOOTTIME_ALARM
    case 11: return ClockId{ClockKind::kRealtime, true, 1, nullptr};                   // TAI, offset zero
    default: return Errno::kEINVAL;
  }
}

Duration ClockId::cpu_time() const {
  return kind == ClockKind::kThreadCpu ? task->cpu_time() : application_usage().cpu_time;
}

}  // namespace mokapot
