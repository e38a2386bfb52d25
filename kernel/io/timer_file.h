// SPDX-License-Identifier: Apache-2.0
//
// timerfd_create(2): a timer whose expirations are read. State is guarded by a spinlock (rank kReadiness,
// interrupts off: the timer's callback takes it, and so does the notice of a set clock); setting is serialised by a mutex,
// so that the timer can be cancelled without the spinlock.
#pragma once

#include "io/file.h"
#include "sched/mutex.h"
#include "sync/spinlock.h"
#include "time/timer.h"
#include "time/wall_clock_watch.h"

namespace mokapot {

class TimerFile final : public File {
 public:
  enum class Clock : std::uint8_t { kMonotonic, kRealTime };
  struct Setting {
    Duration interval;  // zero: once
    Duration value;     // until the next expiration; zero: disarmed
  };

  TimerFile(Clock clock, std::uint32_t flags) : File(flags), clock_(clock), timer_(*this), watch_(*this) {}
  ~TimerFile() override;

  // value is absolute on the timer's clock where absolute is set, or kCancelled: then a read fails with kECANCELED when the
  // clock has been set (of the wall clock's timers only). former becomes the former setting. kECANCELED: the clock was set
  // before, which nobody has read yet; the new setting holds all the same.
  enum class Origin : std::uint8_t { kRelative, kAbsolute, kCancelled };
  Result<void> set(const Setting& setting, Origin origin, Setting& former);
  Setting setting();

  Result<std::size_t> read(IoBuffer& into) override;
  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  FileKind kind() const override { return FileKind::kTimer; }
  std::size_t describe(char* buffer, std::size_t size) override;

 private:
  struct OwnedTimer : Timer {
    explicit OwnedTimer(TimerFile& owner) : Timer(&on_timer), file(owner) {}
    TimerFile& file;
  };
  struct OwnedWatch : WallClockWatch {
    explicit OwnedWatch(TimerFile& owner) : WallClockWatch(&on_clock_set), file(owner) {}
    TimerFile& file;
  };
  static void on_timer(Timer& timer);
  static void on_clock_set(WallClockWatch& watch);
  // What the clock of expiry_ is ahead of the monotonic one.
  std::int64_t clock_base_locked() REQUIRES(lock_);
  std::int64_t clock_now_locked() REQUIRES(lock_);
  void arm_locked() REQUIRES(lock_);
  Setting setting_locked() REQUIRES(lock_);
  bool take_cancellation_locked() REQUIRES(lock_);
  bool try_take(std::uint64_t& expirations);  // 0: the clock was set

  const Clock clock_;
  Mutex setting_mutex_{LockRank::kInode};
  SpinLock lock_{LockRank::kReadiness};
  Duration interval_ GUARDED_BY(lock_);
  bool armed_ GUARDED_BY(lock_) = false;
  bool on_wall_clock_ GUARDED_BY(lock_) = false;  // relative ones of CLOCK_REALTIME are not
  std::int64_t expiry_ GUARDED_BY(lock_) = 0;     // of an armed one, on its clock
  bool cancels_ GUARDED_BY(lock_) = false, cancelled_ GUARDED_BY(lock_) = false;
  std::uint64_t expirations_ GUARDED_BY(lock_) = 0;  // not read yet
  OwnedTimer timer_;
  OwnedWatch watch_;
};

}  // namespace mokapot
