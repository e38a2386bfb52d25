// SPDX-License-Identifier: Apache-2.0

#include "drivers/counter_clock.h"

namespace mokapot {
namespace {

// There is one clock source, so the timer's callback finds it here.
constinit CounterClock* kept_alive = nullptr;

}  // namespace

CounterClock::CounterClock(const ReferenceCounter& counter)
    : counter_(counter),
      scale_(make_scale(counter.frequency, kNanosecondsPerSecond)),
      start_(counter.read()) {}

Instant CounterClock::now() {
  std::uint64_t seen = total_.load(std::memory_order_acquire);
  // Read after seen was loaded, so the counter is at or ahead of it and the difference is never
  // negative.
  const std::uint64_t raw = counter_.read() - start_;
  const std::uint64_t total = seen + ((raw - seen) & counter_.mask);
  while (total > seen) {
    if (total_.compare_exchange_weak(seen, total, std::memory_order_release,
                                     std::memory_order_acquire)) {
      seen = total;
    }
  }
  // seen is now the furthest that any CPU has got.
  return Instant::from_nanoseconds(static_cast<std::int64_t>(scale_.apply(seen)));
}

void CounterClock::keep_alive() {
  kept_alive = this;
  handle_keep_alive(keep_alive_timer_);
}

void CounterClock::handle_keep_alive(Timer& timer) {
  const std::uint64_t quarter_turn = kept_alive->scale_.apply(kept_alive->counter_.mask) / 4;
  timer.arm(kept_alive->now() + Duration::nanoseconds(static_cast<std::int64_t>(quarter_turn)));
}

}  // namespace mokapot
