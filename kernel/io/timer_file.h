// SPDX-License-Identifier: Apache-2.0
//
// timerfd_create(2): a timer whose expirations are read. State is guarded by a spinlock (rank kReadiness,
// interrupts off: the timer's callback takes it); setting is serialised by a mutex, so that the timer can
// be cancelled without the spinlock.
#pragma once

#include "io/file.h"
#include "sched/mutex.h"
#include "sync/spinlock.h"
#include "time/timer.h"

namespace mokapot {

class TimerFile final : public File {
 public:
  enum class Clock : std::uint8_t { kMonotonic, kRealTime };
  struct Setting {
    Duration interval;  // zero: once
    Duration value;     // until the next expiration; zero: disarmed
  };

  TimerFile(Clock clock, std::uint32_t flags) : File(flags), clock_(clock), timer_(*this) {}
  ~TimerFile() override { timer_.cancel(); }

  // value is absolute on the timer's clock where absolute is set. Returns the former setting.
  enum class Origin : std::uint8_t { kRelative, kAbsolute };
  Setting set(const Setting& setting, Origin origin);
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
  static void on_timer(Timer& timer);
  Setting setting_locked() REQUIRES(lock_);
  bool try_take(std::uint64_t& expirations);

  const Clock clock_;
  Mutex setting_mutex_{LockRank::kInode};
  SpinLock lock_{LockRank::kReadiness};
  Duration interval_ GUARDED_BY(lock_);
  Instant deadline_ GUARDED_BY(lock_) = Instant::never();  // never: disarmed
  std::uint64_t expirations_ GUARDED_BY(lock_) = 0;        // not read yet
  OwnedTimer timer_;
};

}  // namespace mokapot
