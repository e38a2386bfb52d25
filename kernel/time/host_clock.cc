// SPDX-License-Identifier: Apache-2.0
//
// See host_clock.h.
#include "time/host_clock.h"

#include <atomic>

#include "time/clock.h"

namespace mokapot {
namespace {

// An answer that took longer says too little to be of use.
constexpr Duration kLongestExchange = Duration::milliseconds(500);
// Slewed away in 40 s. More than that is no drift: the VM was stopped, or the host's clock was set.
constexpr Duration kMostSlewed = Duration::milliseconds(20);

constinit std::atomic<bool> left_alone{false};
constinit bool has_followed = false;  // the caller's

}  // namespace

void leave_wall_clock_alone() { left_alone.store(true, std::memory_order_relaxed); }

ClockCorrection follow_host_clock(Instant asked, Instant answered, std::int64_t host_nanoseconds) {
  const Duration taken = answered - asked;
  if (left_alone.load(std::memory_order_relaxed) || taken > kLongestExchange) return ClockCorrection::kNone;
  const std::int64_t uncertain = taken.nanoseconds() / 2;
  const Instant middle = asked + Duration::nanoseconds(uncertain);
  const std::int64_t offset = host_nanoseconds - middle.nanoseconds();
  const std::int64_t error = offset - wall_clock_state().offset_at(middle);
  if (error <= uncertain && error >= -uncertain) {
    has_followed = true;
    return ClockCorrection::kNone;
  }
  if (has_followed && error < kMostSlewed.nanoseconds() && error > -kMostSlewed.nanoseconds()) {
    slew_wall_clock(Duration::nanoseconds(error));
    return ClockCorrection::kSlewed;
  }
  has_followed = true;
  set_wall_clock_base(offset);
  return ClockCorrection::kStepped;
}

}  // namespace mokapot
