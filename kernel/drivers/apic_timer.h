// SPDX-License-Identifier: Apache-2.0
//
// The local APIC's timer as the kernel's ClockEvent: by TSC deadline where the CPU has that and the
// TSC's rate is known, else counting down.
//
// Locks: none. The rate changes at most once after initialise_clocks, by refine(); each CPU touches its own timer,
// interrupts off.
#pragma once

#include <atomic>
#include <cstdint>

#include "drivers/clock_scale.h"
#include "time/clock.h"

namespace mokapot {

class ApicTimer final : public ClockEvent {
 public:
  // Ticks of the countdown a second, after the divider.
  explicit ApicTimer(std::uint64_t countdown_hz);
  // Uses deadlines in ticks of the TSC.
  struct TscDeadline {
    std::uint64_t tsc_hz;
  };
  explicit ApicTimer(TscDeadline rate);

  const char* name() const { return tsc_deadline_ ? "TSC deadline" : "APIC countdown"; }
  void arm(Instant deadline) override;
  void initialise_cpu() override;
  // A better rate, of whichever counter it uses: in ticks a second. Boot's one thread.
  void refine(std::uint64_t hz) { ticks_per_nanosecond_.store(make_scale(kNanosecondsPerSecond, hz), std::memory_order_relaxed); }

 private:
  const bool tsc_deadline_;
  std::atomic<ClockScale> ticks_per_nanosecond_;
};

bool cpu_has_tsc_deadline();

}  // namespace mokapot
