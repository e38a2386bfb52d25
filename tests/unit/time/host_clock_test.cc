// SPDX-License-Identifier: Apache-2.0
// sources: kernel/time/host_clock.cc kernel/time/clock.cc kernel/sync/spinlock.cc kernel/sync/preempt.cc
//
// The wall clock: slewing without a jump or a step back, and what an answer of the host changes.

#include "time/host_clock.h"

#include <gtest/gtest.h>

#include "time/clock.h"

namespace mokapot {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;
constexpr std::int64_t kEpoch = 1'700'000'000 * kSecond;

Instant at(std::int64_t nanoseconds) { return Instant::from_nanoseconds(nanoseconds); }

class TestClock final : public ClockSource {
 public:
  const char* name() const override { return "test"; }
  Instant now() override { return time; }
  bool tsc_parameters(TscParameters&) override { return false; }
  Instant time = at(kSecond);
};
TestClock test_clock;

// The host's time is kEpoch more than the monotonic clock, or a little else. One test, since whether the first answer has
// come, and whether the program has set the clock, is for the life of the machine.
ClockCorrection answer(std::int64_t taken, std::int64_t host_differs = 0) {
  const Instant asked = test_clock.time;
  test_clock.time = asked + Duration::nanoseconds(taken);
  return follow_host_clock(asked, test_clock.time, asked.nanoseconds() + taken / 2 + kEpoch + host_differs);
}

TEST(HostClock, IsFollowedUntilTheProgramSetsTheClock) {
  set_clock_source(&test_clock);
  set_wall_clock_base(kEpoch - 3 * kMillisecond);
  // An answer that took too long says nothing. The first good one sets the clock, however little it is wrong.
  EXPECT_EQ(answer(600 * kMillisecond), ClockCorrection::kNone);
  EXPECT_EQ(answer(kMillisecond), ClockCorrection::kStepped);
  EXPECT_EQ(wall_clock_base(), kEpoch);
  // What may be the answer's own delay is left alone.
  EXPECT_EQ(answer(10 * kMillisecond, 4 * kMillisecond), ClockCorrection::kNone);
  EXPECT_EQ(answer(10 * kMillisecond, -4 * kMillisecond), ClockCorrection::kNone);
  EXPECT_EQ(wall_clock_base(), kEpoch);

  // A small error goes slowly, in either direction, and the clock never runs backwards meanwhile.
  for (const std::int64_t error : {2 * kMillisecond, -2 * kMillisecond}) {
    const std::int64_t before = wall_clock_base();
    EXPECT_EQ(answer(2, before - kEpoch + error), ClockCorrection::kSlewed);
    std::int64_t last = wall_clock_nanoseconds();
    for (int i = 0; i < 500; ++i) {
      test_clock.time = test_clock.time + Duration::milliseconds(10);
      const std::int64_t now_shown = wall_clock_nanoseconds();
      EXPECT_NEAR(now_shown - last, 10 * kMillisecond, (10 * kMillisecond >> kSlewShift) + 1);
      EXPECT_GT(now_shown, last);
      last = now_shown;
    }
    EXPECT_NEAR(wall_clock_base(), before + error, 2);
  }

  // A new slew begins where the clock is, in the middle of another.
  EXPECT_EQ(answer(2, 10 * kMillisecond), ClockCorrection::kSlewed);
  test_clock.time = test_clock.time + Duration::milliseconds(2048);
  const std::int64_t middle = wall_clock_base();
  EXPECT_NEAR(middle - kEpoch, kMillisecond, 10);
  EXPECT_EQ(answer(2, 0), ClockCorrection::kSlewed);
  EXPECT_NEAR(wall_clock_base(), middle, 2);

  // After a stop it is set at once, and a host that was set back is followed as well.
  EXPECT_EQ(answer(kMillisecond, 600 * kSecond), ClockCorrection::kStepped);
  EXPECT_EQ(wall_clock_base(), kEpoch + 600 * kSecond);
  EXPECT_EQ(answer(kMillisecond, -kSecond), ClockCorrection::kStepped);

  leave_wall_clock_alone();
  EXPECT_EQ(answer(kMillisecond), ClockCorrection::kNone);
  EXPECT_EQ(wall_clock_base(), kEpoch - kSecond);
}

}  // namespace
}  // namespace mokapot
