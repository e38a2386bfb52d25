// SPDX-License-Identifier: Apache-2.0
//
// The local APIC's timer as the kernel's ClockEvent: by TSC deadline where the CPU has that and the
// TSC's rate is known, else counting down.
//
// Locks: none. The rates are constant once initialise_clocks has set them, but for a refinement by
// boot; each CPU touches its own timer, interrupts off.
#pragma once

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

 private:
  const bool tsc_deadline_;
  const ClockScale ticks_per_nanosecond_;
};

bool cpu_has_tsc_deadline();

}  // namespace mokapot
