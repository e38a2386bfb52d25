// SPDX-License-Identifier: Apache-2.0
//
// A clock that moves only when the test moves it (fakes/clock.h).

#include "fakes/clock.h"

#include <atomic>

#include "time/clock.h"

namespace mokapot {
namespace {

std::atomic<std::int64_t> nanoseconds{1'000'000'000};
std::atomic<std::int64_t> wall_base{0};

}  // namespace

void fake::set_now(Instant instant) { nanoseconds = instant.nanoseconds(); }
void fake::advance(Duration duration) { nanoseconds += duration.nanoseconds(); }

Instant now() { return Instant::from_nanoseconds(nanoseconds); }
void set_wall_clock_base(std::int64_t at_boot) { wall_base = at_boot; }
std::int64_t wall_clock_base() { return wall_base; }
std::int64_t wall_clock_nanoseconds() { return wall_base + nanoseconds; }

}  // namespace mokapot
