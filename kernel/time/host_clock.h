// SPDX-License-Identifier: Apache-2.0
//
// Makes the wall clock follow the host's (docs/adr/0007): what the host says it is, with how long the answer took,
// becomes a step, a slew or nothing. Any thread context; one caller at a time but for leave_wall_clock_alone.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace mokapot {

enum class ClockCorrection : std::uint8_t { kNone, kSlewed, kStepped };

// The host's clock showed host_nanoseconds of Unix time at some moment between asked and answered. Nothing is
// changed that the answer does not prove to be wrong. The first answer, and an error that slewing would take minutes
// for, step the clock.
ClockCorrection follow_host_clock(Instant asked, Instant answered, std::int64_t host_nanoseconds);

// The program has set the clock itself: it is its own from here on.
void leave_wall_clock_alone();

}  // namespace mokapot
