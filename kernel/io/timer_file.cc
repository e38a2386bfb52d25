// SPDX-License-Identifier: Apache-2.0
#include "io/timer_file.h"

#include <utility>

#include "base/format.h"
#include "io/anonymous.h"
#include "time/clock.h"

namespace mokapot {

TimerFile::~TimerFile() {
  watch_.end();
  timer_.cancel();
}

std::int64_t TimerFile::clock_base_locked() { return on_wall_clock_ ? wall_clock_base() : 0; }
std::int64_t TimerFile::clock_now_locked() { return on_wall_clock_ ? wall_clock_nanoseconds() : now().nanoseconds(); }

void TimerFile::arm_locked() {
  timer_.arm(armed_ ? Instant::from_nanoseconds(expiry_ - clock_base_locked()) : Instant::never());
}

TimerFile::Setting TimerFile::setting_locked() {
  Setting setting{interval_, Duration()};
  if (armed_) {
    const Duration left = Duration::nanoseconds(expiry_ - clock_now_locked());
    // An armed timer never shows zero, which would mean that it is not armed.
    setting.value = left > Duration() ? left : Duration::nanoseconds(1);
  }
  return setting;
}

TimerFile::Setting TimerFile::setting() {
  IrqSpinGuard guard(lock_);
  return setting_locked();
}

Result<void> TimerFile::set(const Setting& setting, Origin origin, Setting& former) {
  const bool on_wall_clock = clock_ == Clock::kRealTime && origin != Origin::kRelative;
  MutexGuard mutex(setting_mutex_);
  // Neither callback runs from here on, and that of a set clock again before the new moment is turned into one of the
  // monotonic clock.
  watch_.end();
  timer_.cancel();
  if (on_wall_clock) watch_.begin();
  IrqSpinGuard guard(lock_);
  former = setting_locked();
  cancels_ = on_wall_clock && origin == Origin::kCancelled;
  on_wall_clock_ = on_wall_clock;
  interval_ = setting.interval;
  expirations_ = 0;
  armed_ = setting.value != Duration();
  const Instant base = origin == Origin::kRelative ? now() : Instant();
  expiry_ = (base + setting.value).nanoseconds();
  arm_locked();
  return armed_ && take_cancellation_locked() ? Result<void>(Errno::kECANCELED) : Result<void>();
}

void TimerFile::on_timer(Timer& timer) {
  TimerFile& file = static_cast<OwnedTimer&>(timer).file;
  {
    IrqSpinGuard guard(file.lock_);
    if (!file.armed_) return;
    const std::int64_t late = file.clock_now_locked() - file.expiry_;
    if (late < 0) {  // the clock was set or slewed back
      file.arm_locked();
      return;
    }
    file.expirations_ += 1;
    file.armed_ = file.interval_ > Duration();
    if (file.armed_) {
      const std::int64_t interval = file.interval_.nanoseconds(), missed = late / interval;
      file.expirations_ += static_cast<std::uint64_t>(missed);
      file.expiry_ += interval * (missed + 1);
      file.arm_locked();
    }
  }
  file.notify(kPollIn);
}

void TimerFile::on_clock_set(WallClockWatch& watch) {
  TimerFile& file = static_cast<OwnedWatch&>(watch).file;
  bool tells = false;
  {
    IrqSpinGuard guard(file.lock_);
    if (file.armed_) file.arm_locked();
    if (file.cancels_) {
      file.cancelled_ = true;
      file.expirations_ += 1;  // so that whoever waits reads
      tells = true;
    }
  }
  if (tells) file.notify(kPollIn);
}

bool TimerFile::take_cancellation_locked() { return cancels_ && std::exchange(cancelled_, false); }

bool TimerFile::try_take(std::uint64_t& expirations) {
  IrqSpinGuard guard(lock_);
  expirations = std::exchange(expirations_, 0);
  if (expirations == 0) return false;
  if (take_cancellation_locked()) expirations = 0;
  return true;
}

Result<std::size_t> TimerFile::read(IoBuffer& into) {
  std::uint64_t expirations = 0;
  if (into.remaining() < sizeof(expirations)) return Errno::kEINVAL;
  if (!try_take(expirations)) {
    if (non_blocking()) return Errno::kEAGAIN;
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes,
                   [&] { return try_take(expirations); }) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
  if (expirations == 0) return Errno::kECANCELED;
  return into.copy_in(&expirations, sizeof(expirations));
}

Result<FileStatus> TimerFile::status() { return anonymous_status(); }

PollEvents TimerFile::poll() {
  IrqSpinGuard guard(lock_);
  return expirations_ != 0 ? kPollIn : 0;
}

std::size_t TimerFile::describe(char* buffer, std::size_t size) {
  return format_to(buffer, size, "anon_inode:[timerfd]");
}

}  // namespace mokapot
