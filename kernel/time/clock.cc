// SPDX-License-Identifier: Apache-2.0
//
// The clock in use and the wall clock's offset from it. The pointers are set by boot before other CPUs
// run and change only to a better clock; the offset may be set at any time (clock_settime, the host's clock).
//
// Lock: state_lock (interrupts off) for writers of the offset; readers look at a sequence that is odd meanwhile.

#include "time/clock.h"

#include <atomic>

#include "base/assert.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constinit std::atomic<ClockSource*> source{nullptr};
constinit std::atomic<ClockEvent*> event{nullptr};

constinit SpinLock state_lock{LockRank::kTimerQueue};
constinit std::atomic<std::uint32_t> state_sequence{0};
// Relaxed: the fences around the sequence order them.
constinit std::atomic<std::int64_t> wall_base{0}, slew_begin{0}, slew_end{0};
constinit std::atomic<bool> slew_backwards{false};

void store_state_locked(const WallClockState& state) REQUIRES(state_lock) {
  state_sequence.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  wall_base.store(state.base, std::memory_order_relaxed);
  slew_begin.store(state.begin.nanoseconds(), std::memory_order_relaxed);
  slew_end.store(state.end.nanoseconds(), std::memory_order_relaxed);
  slew_backwards.store(state.backwards, std::memory_order_relaxed);
  state_sequence.fetch_add(1, std::memory_order_release);
}

}  // namespace

void set_clock_source(ClockSource* chosen) { source.store(chosen, std::memory_order_release); }
void set_clock_event(ClockEvent* chosen) { event.store(chosen, std::memory_order_release); }

ClockSource& clock_source() {
  ClockSource* chosen = source.load(std::memory_order_acquire);
  ASSERT(chosen != nullptr);
  return *chosen;
}

ClockEvent& clock_event() {
  ClockEvent* chosen = event.load(std::memory_order_acquire);
  ASSERT(chosen != nullptr);
  return *chosen;
}

Instant now() {
  ClockSource* chosen = source.load(std::memory_order_acquire);
  // Before boot has found a clock the log already stamps its lines.
  return chosen != nullptr ? chosen->now() : Instant();
}

std::int64_t WallClockState::offset_at(Instant time) const {
  const Instant until = time < end ? time : end;
  const std::int64_t slewed = until > begin ? (until - begin).nanoseconds() >> kSlewShift : 0;
  return backwards ? base - slewed : base + slewed;
}

WallClockState wall_clock_state() {
  while (true) {
    const std::uint32_t before = state_sequence.load(std::memory_order_acquire);
    WallClockState state;
    state.base = wall_base.load(std::memory_order_relaxed);
    state.begin = Instant::from_nanoseconds(slew_begin.load(std::memory_order_relaxed));
    state.end = Instant::from_nanoseconds(slew_end.load(std::memory_order_relaxed));
    state.backwards = slew_backwards.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 && state_sequence.load(std::memory_order_relaxed) == before) return state;
    arch::relax();  // a writer is at it on another CPU
  }
}

void set_wall_clock_base(std::int64_t nanoseconds_at_boot) {
  IrqSpinGuard guard(state_lock);
  store_state_locked({nanoseconds_at_boot, Instant(), Instant(), false});
}

void slew_wall_clock(Duration by) {
  IrqSpinGuard guard(state_lock);
  const Instant begin = now();
  const bool backwards = by < Duration();
  const std::int64_t amount = backwards ? -by.nanoseconds() : by.nanoseconds();
  store_state_locked({wall_clock_state().offset_at(begin), begin,
                      begin + Duration::nanoseconds(amount << kSlewShift), backwards});
}

std::int64_t wall_clock_base() { return wall_clock_state().offset_at(now()); }

std::int64_t wall_clock_nanoseconds() {
  const Instant time = now();
  return wall_clock_state().offset_at(time) + time.nanoseconds();
}

}  // namespace mokapot
