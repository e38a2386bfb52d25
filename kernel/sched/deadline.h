// SPDX-License-Identifier: Apache-2.0
//
// When a wait ends at the latest: a moment of the monotonic clock, or of the wall clock, whose moments come sooner or later if
// it is set.
#pragma once

#include <cstdint>

#include "sched/thread.h"
#include "time/clock.h"
#include "time/wall_clock_watch.h"

namespace mokapot {

class Deadline {
 public:
  Deadline(Instant moment) : moment_(moment) {}  // implicit: most waits have one of these
  static Deadline on_wall_clock(Duration since_epoch) {
    // Beyond what can be counted.
    if (since_epoch.nanoseconds() == INT64_MAX) return Deadline(Instant::never());
    return Deadline(since_epoch.nanoseconds());
  }

  bool is_on_wall_clock() const { return is_on_wall_clock_; }
  bool is_never() const { return !is_on_wall_clock_ && moment_.is_never(); }
  // As the clocks are now.
  Instant moment() const {
    return is_on_wall_clock_ ? Instant::from_nanoseconds(since_epoch_ - wall_clock_base()) : moment_;
  }
  bool has_come() const { return is_on_wall_clock_ ? wall_clock_nanoseconds() >= since_epoch_ : now() >= moment_; }

 private:
  explicit Deadline(std::int64_t since_epoch) : since_epoch_(since_epoch), is_on_wall_clock_(true) {}
  Instant moment_;
  std::int64_t since_epoch_ = 0;
  bool is_on_wall_clock_ = false;
};

// While it lives the calling thread's waits end early, as if somebody had woken it for nothing, when the clock of the
// deadline is set.
class DeadlineWatch : WallClockWatch {
 public:
  explicit DeadlineWatch(const Deadline& deadline)
      : WallClockWatch([](WallClockWatch& watch) { static_cast<DeadlineWatch&>(watch).thread_.wake(); }),
        thread_(current_thread()) {
    if (deadline.is_on_wall_clock()) begin();
  }
  ~DeadlineWatch() { end(); }

 private:
  Thread& thread_;
};

}  // namespace mokapot
