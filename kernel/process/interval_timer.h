// SPDX-License-Identifier: Apache-2.0
//
// Timers that send signals: setitimer(2), alarm(2) and timer_create(2) rest on this.
//
// A timer on a CPU-time clock is a wall timer that looks when the clock may have got there at the earliest
// (CPU time runs no faster than the number of CPUs times wall time) and then again for what is left, so
// that no scheduler path has to look at timers.
//
// Locks: a spinlock (rank kReadiness, interrupts off) guards the state against the timer's interrupt. Callers
// serialise set() and the destructor among themselves. Thread context, except for the interrupt's part.
#pragma once

#include <cstdint>

#include "process/clock_id.h"
#include "process/signals.h"
#include "process/task.h"
#include "sync/spinlock.h"
#include "time/timer.h"
#include "time/wall_clock_watch.h"

namespace mokapot {

class IntervalTimer {
 public:
  // Whom it tells. With neither a process signal nor a task it only counts.
  struct Notification {
    enum class To : std::uint8_t { kNobody, kProcess, kTask } to = To::kProcess;
    RefPtr<Task> task;
    SignalInfo info;  // si_overrun is filled in where code is kCodeTimer
  };
  struct Setting {
    Duration value;     // until the next expiry; zero: disarmed
    Duration interval;  // zero: once
  };
  enum class Origin : std::uint8_t { kRelative, kAbsolute };

  IntervalTimer(ClockId clock, Notification notification);
  ~IntervalTimer();
  IntervalTimer(const IntervalTimer&) = delete;
  IntervalTimer& operator=(const IntervalTimer&) = delete;

  // Returns the former setting.
  Setting set(const Setting& setting, Origin origin);
  Setting setting();
  // Expiries since the last signal that was not sent because the former one was still pending.
  std::int32_t overrun();

 private:
  struct OwnedTimer : Timer {
    explicit OwnedTimer(IntervalTimer& timer) : Timer(on_timer), owner(timer) {}
    IntervalTimer& owner;
  };
  // Absolute ones on the wall clock hear when that is set.
  struct OwnedWatch : WallClockWatch {
    explicit OwnedWatch(IntervalTimer& timer) : WallClockWatch(on_clock_set), owner(timer) {}
    IntervalTimer& owner;
  };
  static void on_timer(Timer& timer);
  static void on_clock_set(WallClockWatch& watch);
  void expire();
  std::int64_t clock_now() const REQUIRES(lock_);
  // Moves expiry_ past time by whole intervals (or to zero); returns how many expiries that were.
  std::int64_t advance_locked(std::int64_t time) REQUIRES(lock_);
  Setting setting_locked() REQUIRES(lock_);
  void arm_locked() REQUIRES(lock_);
  bool signal_still_pending() const;

  const ClockId clock_;
  const Notification notification_;
  SpinLock lock_{LockRank::kReadiness};
  bool on_wall_clock_ GUARDED_BY(lock_) = false;  // relative ones of CLOCK_REALTIME are not: POSIX
  std::int64_t expiry_ GUARDED_BY(lock_) = 0;    // on the clock, nanoseconds; 0: disarmed
  std::int64_t interval_ GUARDED_BY(lock_) = 0;  // nanoseconds
  std::int64_t missed_ GUARDED_BY(lock_) = 0;    // expiries without a signal of their own
  std::int64_t overrun_ GUARDED_BY(lock_) = 0;   // what the last signal carried
  OwnedTimer timer_;
  OwnedWatch watch_;
};

}  // namespace mokapot
