// SPDX-License-Identifier: Apache-2.0
//
// A ClockSource over a counter that wraps around: what remains where there is no TSC to trust.
//
// Lock free. total_ counts ticks since the beginning in full; every reading carries it forward, so
// somebody must read at least twice a turn: a timer of its own does.
#pragma once

#include <atomic>
#include <cstdint>

#include "drivers/clock_scale.h"
#include "drivers/reference_counter.h"
#include "time/clock.h"
#include "time/timer.h"

namespace mokapot {

class CounterClock final : public ClockSource {
 public:
  explicit CounterClock(const ReferenceCounter& counter);

  const char* name() const override { return counter_.name; }
  Instant now() override;
  bool tsc_parameters(TscParameters&) override { return false; }

  // Once timers work: reads often enough from here on.
  void keep_alive();

 private:
  static void handle_keep_alive(Timer& timer);

  const ReferenceCounter counter_;
  const ClockScale scale_;
  const std::uint64_t start_;  // the counter's value at Instant 0
  // The low bits are the counter's last seen value less start_. Relaxed: it publishes nothing else.
  std::atomic<std::uint64_t> total_{0};
  Timer keep_alive_timer_{&CounterClock::handle_keep_alive};
};

}  // namespace mokapot
