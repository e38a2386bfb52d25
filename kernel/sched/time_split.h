// SPDX-License-Identifier: Apache-2.0
//
// How CPU time divides into the application's own and the kernel's. The whole is exact (run_queue.h); the shares are what
// samples saw, as on Linux: a timer interrupts a busy CPU every hundredth of a second and looks whether it hit
// application code (Scheduler::handle_sample). So the way into and out of the kernel costs nothing more.
//
// Locks: counts change on one CPU at a time and are read anywhere; lock_ (kDentries) guards what was shown last.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "base/types.h"
#include "sync/spinlock.h"

namespace mokapot {

struct SplitTime {
  Duration user, system;
};

// The samples of one thread, one CPU, or of all.
class TimeSplit {
 public:
  enum class Side : std::uint8_t { kApplication, kKernel };
  void count(Side side) { (side == Side::kKernel ? system_ : user_).fetch_add(1, std::memory_order_relaxed); }
  // total in the shares of the samples so far; all the application's where there is none. Neither part ever falls, though
  // the shares do. Any context but interrupts.
  SplitTime divide(Duration total);

 private:
  std::atomic<std::uint32_t> user_{0}, system_{0};
  SpinLock lock_{LockRank::kDentries};
  SplitTime shown_ GUARDED_BY(lock_);
};

TimeSplit& split_of_cpu(CpuId cpu);
TimeSplit& split_of_application();  // all of its threads, ended ones included

}  // namespace mokapot
