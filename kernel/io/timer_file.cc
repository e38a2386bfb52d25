// SPDX-License-Identifier: Apache-2.0
#include "io/timer_file.h"

#include "base/format.h"
#include "io/anonymous.h"
#include "time/clock.h"

namespace mokapot {

TimerFile::Setting TimerFile::setting_locked() {
  Setting setting{interval_, Duration()};
  if (!deadline_.is_never()) {
    const Duration left = deadline_ - now();
    // An armed timer never shows zero, which would mean that it is not armed.
    setting.value = left > Duration() ? left : Duration::nanoseconds(1);
  }
  return setting;
}

TimerFile::Setting TimerFile::setting() {
  IrqSpinGuard guard(lock_);
  return setting_locked();
}

TimerFile::Setting TimerFile::set(const Setting& setting, Origin origin) {
  MutexGuard mutex(setting_mutex_);
  timer_.cancel();
  Setting former;
  Instant deadline = Instant::never();
  {
    IrqSpinGuard guard(lock_);
    former = setting_locked();
    interval_ = setting.interval;
    expirations_ = 0;
    if (setting.value != Duration()) {
      if (origin == Origin::kRelative) {
        deadline = now() + setting.value;
      } else {
        const std::int64_t base = clock_ == Clock::kRealTime ? wall_clock_base() : 0;
        deadline = Instant::from_nanoseconds(setting.value.nanoseconds() - base);
      }
    }
    deadline_ = deadline;
  }
  timer_.arm(deadline);
  return former;
}

void TimerFile::on_timer(Timer& timer) {
  TimerFile& file = static_cast<OwnedTimer&>(timer).file;
  Instant next = Instant::never();
  {
    IrqSpinGuard guard(file.lock_);
    if (file.deadline_.is_never()) return;
    file.expirations_ += 1;
    if (file.interval_ > Duration()) {
      const std::int64_t late = (now() - file.deadline_).nanoseconds();
      const std::int64_t missed = late > 0 ? late / file.interval_.nanoseconds() : 0;
      file.expirations_ += static_cast<std::uint64_t>(missed);
      next = file.deadline_ + Duration::nanoseconds(file.interval_.nanoseconds() * (missed + 1));
    }
    file.deadline_ = next;
  }
  if (!next.is_never()) timer.arm(next);
  file.notify(kPollIn);
}

bool TimerFile::try_take(std::uint64_t& expirations) {
  IrqSpinGuard guard(lock_);
  expirations = expirations_;
  expirations_ = 0;
  return expirations != 0;
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
