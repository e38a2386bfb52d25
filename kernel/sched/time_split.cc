// SPDX-License-Identifier: Apache-2.0
#include "sched/time_split.h"

#include <algorithm>

namespace mokapot {

SplitTime TimeSplit::divide(Duration total) {
  const std::uint64_t user = user_.load(std::memory_order_relaxed), system = system_.load(std::memory_order_relaxed);
  const std::uint64_t samples = user + system;
  __extension__ using Wide = unsigned __int128;
  const auto whole = static_cast<std::uint64_t>(std::max(total, Duration()).nanoseconds());
  const auto share = samples == 0 ? 0 : static_cast<std::uint64_t>(Wide{whole} * system / samples);
  IrqSpinGuard guard(lock_);
  // Who read a larger whole was faster to get here.
  if (total < shown_.user + shown_.system) return shown_;
  Duration kernel = Duration::nanoseconds(static_cast<std::int64_t>(share));
  kernel = std::max(kernel, shown_.system);
  kernel = std::min(kernel, total - shown_.user);
  shown_ = {total - kernel, kernel};
  return shown_;
}

}  // namespace mokapot
