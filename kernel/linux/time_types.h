// SPDX-License-Identifier: Apache-2.0
//
// Times as the application lays them out, and their reading with Linux's checks.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"
#include "time/clock.h"
#include "vm/user_access.h"

namespace mokapot {

inline constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

struct ApplicationTimespec {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};
struct ApplicationTimeval {
  std::int64_t seconds;
  std::int64_t microseconds;
};
struct ApplicationIntervalSpec {  // itimerspec
  ApplicationTimespec interval;
  ApplicationTimespec value;
};
struct ApplicationIntervalVal {  // itimerval
  ApplicationTimeval interval;
  ApplicationTimeval value;
};

// kEINVAL for a negative time or a fraction out of range. What is beyond the kernel's 292 years becomes those.
inline Result<Duration> to_duration(const ApplicationTimespec& time) {
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= kNanosecondsPerSecond) {
    return Errno::kEINVAL;
  }
  constexpr std::int64_t kMostSeconds = INT64_MAX / kNanosecondsPerSecond - 1;
  if (time.seconds > kMostSeconds) return Duration::nanoseconds(INT64_MAX);
  return Duration::nanoseconds(time.seconds * kNanosecondsPerSecond + time.nanoseconds);
}
inline Result<Duration> to_duration(const ApplicationTimeval& time) {
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno::kEINVAL;
  return to_duration(ApplicationTimespec{time.seconds, time.microseconds * 1000});
}
// kEFAULT, kEINVAL.
inline Result<Duration> read_timespec(VirtAddr from) {
  return to_duration(TRY(read_application<ApplicationTimespec>(from)));
}

constexpr ApplicationTimespec to_timespec(std::int64_t nanoseconds) {
  // Rounded down also for times before 1970, so that the fraction is never negative.
  std::int64_t seconds = nanoseconds / kNanosecondsPerSecond;
  std::int64_t fraction = nanoseconds % kNanosecondsPerSecond;
  if (fraction < 0) {
    fraction += kNanosecondsPerSecond;
    --seconds;
  }
  return {seconds, fraction};
}
constexpr ApplicationTimespec to_timespec(Duration duration) { return to_timespec(duration.nanoseconds()); }
constexpr ApplicationTimeval to_timeval(Duration duration) {
  const ApplicationTimespec time = to_timespec(duration);
  return {time.seconds, time.nanoseconds / 1000};
}

inline Instant monotonic_instant(Duration since_boot) { return Instant() + since_boot; }

}  // namespace mokapot
