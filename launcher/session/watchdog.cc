// SPDX-License-Identifier: Apache-2.0
#include "session/watchdog.h"

namespace moka {

Watchdog::Advice Watchdog::tick(long cpu_milliseconds) {
  if (!is_enabled_) return Advice::kNothing;
  ++ticks_;
  if (!is_waiting_) {
    if (ticks_ < kPingInterval) return Advice::kNothing;
    is_waiting_ = true;
    ticks_ = 0;
    cpu_at_ping_ = cpu_milliseconds;
    return Advice::kPing;
  }
  if (ticks_ >= kPatienceStarved) return Advice::kHung;
  if (ticks_ < kPatience) return Advice::kNothing;
  const long used = cpu_milliseconds - cpu_at_ping_;
  return used >= kRanMilliseconds || used <= kIdleMilliseconds ? Advice::kHung : Advice::kNothing;
}

void Watchdog::answered() {
  is_waiting_ = false;
  ticks_ = 0;
}

void Watchdog::set_enabled(bool enabled) {
  is_enabled_ = enabled;
  answered();
}

}  // namespace moka
