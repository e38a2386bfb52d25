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

// Wall clock: an offset on the monotonic clock, set by boot from the RTC or kvm-clock. While it is slewed the offset
// changes by one nanosecond in 2^kSlewShift (488 ppm), so that the clock neither jumps nor runs backwards:
//   wall = t + base +/- ((clamp(t, begin, end) - begin) >> kSlewShift), t being the monotonic clock.
struct WallClockState {
  std::int64_t base = 0;
  Instant begin, end;
  bool backwards = false;

  std::int64_t offset_at(Instant time) const;
};
inline constexpr unsigned kSlewShift = 11;
WallClockState wall_clock_state();
void set_wall_clock_base(std::int64_t nanoseconds_at_boot);  // at once; ends a slew
void slew_wall_clock(Duration by);                           // ends an earlier slew where it is
std::int64_t wall_clock_base();                              // the offset now
std::int64_t wall_clock_nanoseconds();

}  // namespace mokapot
