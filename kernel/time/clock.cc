// SPDX-License-Identifier: Apache-2.0
//
// The clock in use and the wall clock's offset from it. The pointers are set by boot before other CPUs
// run and change only to a better clock; the offset may be set at any time (clock_settime).

#include "time/clock.h"

#include <atomic>

#include "base/assert.h"

namespace mokapot {
namespace {

constinit std::atomic<ClockSource*> source{nullptr};
constinit std::atomic<ClockEvent*> event{nullptr};
constinit std::atomic<std::int64_t> wall_base{0};

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

void set_wall_clock_base(std::int64_t nanoseconds_at_boot) {
  wall_base.store(nanoseconds_at_boot, std::memory_order_relaxed);
}
std::int64_t wall_clock_base() { return wall_base.load(std::memory_order_relaxed); }
std::int64_t wall_clock_nanoseconds() { return wall_clock_base() + now().nanoseconds(); }

}  // namespace mokapot
