// SPDX-License-Identifier: Apache-2.0
//
// What time it is. A ClockSource is a counter with a known frequency (kvm-clock, TSC, HPET, PM timer,
// PIT), implemented in drivers/ and chosen by boot; a ClockEvent interrupts this CPU once at a moment.
// Reading is lock free, in any context.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace mokapot {

class ClockSource {
 public:
  virtual const char* name() const = 0;
  virtual Instant now() = 0;  // monotonic across CPUs
  // For the vDSO: now = base_ns + ((tsc - tsc_base) * multiplier >> shift); false if not TSC-based.
  struct TscParameters {
    std::uint64_t tsc_base;
    std::int64_t base_nanoseconds;
    std::uint32_t multiplier;
    std::uint32_t shift;
  };
  virtual bool tsc_parameters(TscParameters& parameters) = 0;

 protected:
  ~ClockSource() = default;
};

class ClockEvent {
 public:
  // Interrupts the calling CPU through kTimerVector at deadline (at once if past). One shot; a later
  // call replaces the earlier. never() disarms. Interrupts off.
  virtual void arm(Instant deadline) = 0;
  virtual void initialise_cpu() = 0;  // on each CPU once

 protected:
  ~ClockEvent() = default;
};

void set_clock_source(ClockSource* source);
void set_clock_event(ClockEvent* event);
ClockSource& clock_source();
ClockEvent& clock_event();

Instant now();  // monotonic, since boot

// Wall clock: nanoseconds of Unix time at Instant 0, set by boot from the RTC or kvm-clock.
void set_wall_clock_base(std::int64_t nanoseconds_at_boot);
std::int64_t wall_clock_base();
std::int64_t wall_clock_nanoseconds();

}  // namespace mokapot
