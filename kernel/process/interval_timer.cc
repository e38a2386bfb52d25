// SPDX-License-Identifier: Apache-2.0
//
// See interval_timer.h.

#include "process/interval_timer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "irq/irq.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// A CPU clock that stands still is looked at no more often than this.
constexpr std::int64_t kShortestLook = 1'000'000;
constexpr std::int64_t kMostOverruns = INT32_MAX;  // DELAYTIMER_MAX

}  // namespace

IntervalTimer::IntervalTimer(ClockId clock, Notification notification)
    : clock_(std::move(clock)), notification_(std::move(notification)), timer_(*this), watch_(*this) {}

IntervalTimer::~IntervalTimer() {
  watch_.end();
  timer_.cancel();
}

std::int64_t IntervalTimer::clock_now() const {
  if (clock_.counts_cpu_time()) return clock_.cpu_time().nanoseconds();
  return on_wall_clock_ ? wall_clock_nanoseconds() : now().nanoseconds();
}

IntervalTimer::Setting IntervalTimer::set(const Setting& setting, Origin origin) {
  // Without the lock, which the callbacks take.
  watch_.end();
  timer_.cancel();
  const bool on_wall_clock = clock_.kind == ClockKind::kRealtime && origin == Origin::kAbsolute;
  if (on_wall_clock && setting.value != Duration()) watch_.begin();
  IrqSpinGuard guard(lock_);
  const Setting former = setting_locked();
  on_wall_clock_ = on_wall_clock;
  const std::int64_t value = setting.value.nanoseconds();
  const std::int64_t base = origin == Origin::kRelative ? clock_now() : 0;
  expiry_ = 0;
  if (value != 0) expiry_ = (Instant::from_nanoseconds(base) + setting.value).nanoseconds();
  interval_ = setting.interval.nanoseconds();
  missed_ = 0;
  overrun_ = 0;
  arm_locked();
  return former;
}

IntervalTimer::Setting IntervalTimer::setting() {
  IrqSpinGuard guard(lock_);
  return setting_locked();
}

IntervalTimer::Setting IntervalTimer::setting_locked() {
  if (expiry_ == 0) return {Duration(), Duration::nanoseconds(interval_)};
  const std::int64_t time = clock_now();
  // One that tells nobody has no interrupts that would move it on.
  if (notification_.to == Notification::To::kNobody && expiry_ <= time) advance_locked(time);
  if (expiry_ == 0) return {Duration(), Duration::nanoseconds(interval_)};
  // Due but not served yet still counts as armed.
  return {Duration::nanoseconds(std::max<std::int64_t>(expiry_ - time, 1)), Duration::nanoseconds(interval_)};
}

std::int32_t IntervalTimer::overrun() {
  IrqSpinGuard guard(lock_);
  return static_cast<std::int32_t>(std::min(overrun_, kMostOverruns));
}

std::int64_t IntervalTimer::advance_locked(std::int64_t time) {
  if (interval_ == 0) {
    expiry_ = 0;
    return 1;
  }
  const std::int64_t expiries = (time - expiry_) / interval_ + 1;
  expiry_ += expiries * interval_;
  return expiries;
}

void IntervalTimer::arm_locked() {
  if (expiry_ == 0 || notification_.to == Notification::To::kNobody) return;
  if (clock_.counts_cpu_time()) {
    const std::int64_t left = expiry_ - clock_now();
    const int cpus = clock_.kind == ClockKind::kProcessCpu ? std::popcount(online_cpus()) : 1;
    timer_.arm(now() + Duration::nanoseconds(std::max(left / cpus, kShortestLook)));
  } else if (on_wall_clock_) {
    timer_.arm(Instant::from_nanoseconds(expiry_ - wall_clock_base()));
  } else {
    timer_.arm(Instant::from_nanoseconds(expiry_));
  }
}

bool IntervalTimer::signal_still_pending() const {
  const SignalSet bit = signal_bit(notification_.info.signal);
  if (notification_.to == Notification::To::kTask) return (pending_signals(*notification_.task) & bit) != 0;
  return (pending_process_signals() & bit) != 0;
}

void IntervalTimer::on_clock_set(WallClockWatch& watch) {
  IntervalTimer& timer = static_cast<OwnedWatch&>(watch).owner;
  IrqSpinGuard guard(timer.lock_);
  timer.arm_locked();
}

void IntervalTimer::on_timer(Timer& timer) { static_cast<OwnedTimer&>(timer).owner.expire(); }

// Interrupt context.
void IntervalTimer::expire() {
  SignalInfo info = notification_.info;
  {
    IrqSpinGuard guard(lock_);
    const std::int64_t time = clock_now();
    if (expiry_ == 0 || time < expiry_) {
      arm_locked();
      return;
    }
    missed_ += advance_locked(time);
    arm_locked();
    // One signal of a timer at a time is pending; the expiries that fall in between are counted.
    if (signal_still_pending()) return;
    overrun_ = missed_ - 1;
    missed_ = 0;
    if (info.code == kCodeTimer) info.timer.overrun = static_cast<std::int32_t>(std::min(overrun_, kMostOverruns));
  }
  const auto sent = notification_.to == Notification::To::kTask
                        ? send_signal_to_task(*notification_.task, info)
                        : send_signal_to_process(info);
  (void)sent.ok();  // no memory to queue it: the next expiry tries again
}

}  // namespace mokapot
