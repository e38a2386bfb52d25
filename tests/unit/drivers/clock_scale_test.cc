// SPDX-License-Identifier: Apache-2.0

#include "drivers/clock_scale.h"

#include <gtest/gtest.h>

#include "drivers/kvm_time.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kFrequencies[] = {1'193'182,     3'579'545,     24'000'000,
                                          100'000'000,   1'000'000'000, 2'596'145'000,
                                          3'999'999'999, 5'700'000'000};

TEST(ClockScale, IsExactToAPartInABillion) {
  for (const std::uint64_t hz : kFrequencies) {
    const ClockScale scale = make_scale(hz, kNanosecondsPerSecond);
    for (const std::uint64_t seconds : {1ull, 60ull, 86'400ull, 365ull * 86'400}) {
      const auto expected = static_cast<double>(seconds * kNanosecondsPerSecond);
      EXPECT_NEAR(static_cast<double>(scale.apply(hz * seconds)), expected, expected * 1e-9 + 1)
          << hz;
    }
  }
}

TEST(ClockScale, NeverGoesBack) {
  const ClockScale scale = make_scale(2'596'145'000, kNanosecondsPerSecond);
  std::uint64_t last = 0;
  for (std::uint64_t ticks = std::uint64_t{1} << 40; ticks < (std::uint64_t{1} << 40) + 10'000;
       ++ticks) {
    const std::uint64_t now = scale.apply(ticks);
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(ClockScale, ThereAndBackAgain) {
  for (const std::uint64_t hz : kFrequencies) {
    const ClockScale to_ticks = make_scale(kNanosecondsPerSecond, hz);
    const ClockScale to_time = make_scale(hz, kNanosecondsPerSecond);
    const std::uint64_t nanoseconds = 123'456'789'012;
    const double tick = 1e9 / static_cast<double>(hz);
    EXPECT_NEAR(static_cast<double>(to_time.apply(to_ticks.apply(nanoseconds))),
                static_cast<double>(nanoseconds), tick + 200);
  }
}

TEST(ClockScale, DecadesOfTheFastestCounterFit) {
  const ClockScale scale = make_scale(5'700'000'000, kNanosecondsPerSecond);
  constexpr std::uint64_t kCentury = std::uint64_t{100} * 365 * 86'400;
  EXPECT_NEAR(static_cast<double>(scale.apply(kCentury * 5'700'000'000 / 2)),
              static_cast<double>(kCentury * kNanosecondsPerSecond / 2), 1e10);
}

TEST(MeasuredFrequency, RoundsAndSurvivesNothing) {
  EXPECT_EQ(measured_frequency(2'596'145, 100'000, 100'000'000), 2'596'145'000u);
  EXPECT_EQ(measured_frequency(10, 0, 100), 0u);
}

TEST(Unwrapped, CountsTheTurnsThatTheEstimateSays) {
  constexpr std::uint64_t kMask = 0xffff;
  for (const std::uint64_t truth :
       {0ull, 5ull, 65'535ull, 65'536ull, 1'000'000ull, 123'456'789ull}) {
    for (const std::int64_t error : {-32'000, -1, 0, 1, 32'000}) {
      const std::int64_t estimate = static_cast<std::int64_t>(truth) + error;
      if (estimate < 0) continue;
      EXPECT_EQ(unwrapped(truth & kMask, kMask, static_cast<std::uint64_t>(estimate)), truth);
    }
  }
}

KvmTimeInfo info_for(std::uint32_t multiplier, std::int8_t shift) {
  KvmTimeInfo info{};
  info.tsc_timestamp = 1'000'000'000'000;
  info.system_time = 5'000'000'000;
  info.tsc_to_system_mul = multiplier;
  info.tsc_shift = shift;
  return info;
}

TEST(KvmTime, HalfANanosecondATick) {
  // 2 GHz: 2^32 / 2 as multiplier without shift.
  const KvmTimeInfo info = info_for(0x8000'0000, 0);
  EXPECT_EQ(kvm_nanoseconds(info, info.tsc_timestamp), info.system_time);
  EXPECT_EQ(kvm_nanoseconds(info, info.tsc_timestamp + 2'000'000'000),
            info.system_time + kNanosecondsPerSecond);
  EXPECT_EQ(kvm_nanoseconds(info, info.tsc_timestamp - 7), info.system_time);  // a CPU that lags
}

TEST(KvmTime, OurScaleAgreesWithKvmsDefinition) {
  for (const auto& [multiplier, shift] :
       {std::pair{0x8000'0000u, 0}, {0xc4ec'4ec4u, -1}, {0xa000'0000u, 1}}) {
    const KvmTimeInfo info = info_for(multiplier, static_cast<std::int8_t>(shift));
    ClockScale scale;
    ASSERT_TRUE(kvm_scale(info, scale));
    for (const std::uint64_t delta :
         {1ull, 1'000ull, 3'000'000'000ull, 86'400ull * 3'000'000'000}) {
      const std::uint64_t kvm =
          kvm_nanoseconds(info, info.tsc_timestamp + delta) - info.system_time;
      EXPECT_NEAR(static_cast<double>(scale.apply(delta)), static_cast<double>(kvm), 1);
    }
  }
}

TEST(KvmTime, TellsTheCountersRate) {
  EXPECT_EQ(kvm_tsc_frequency(info_for(0x8000'0000, 0)), 2'000'000'000u);
  EXPECT_EQ(kvm_tsc_frequency(info_for(0x8000'0000, -1)), 4'000'000'000u);
  EXPECT_EQ(kvm_tsc_frequency(info_for(0x8000'0000, 1)), 1'000'000'000u);
  // 2.6 GHz as Linux computes it for its guests.
  EXPECT_NEAR(static_cast<double>(kvm_tsc_frequency(info_for(0xc4ec'4ec4u, -1))), 2.6e9, 10);
}

TEST(KvmTime, RefusesNonsense) {
  EXPECT_EQ(kvm_tsc_frequency(info_for(0, 0)), 0u);
  EXPECT_EQ(kvm_tsc_frequency(info_for(1, -31)), 0u);
  ClockScale scale;
  EXPECT_FALSE(kvm_scale(info_for(0, 0), scale));
  EXPECT_FALSE(kvm_scale(info_for(1, 32), scale));
  EXPECT_FALSE(kvm_scale(info_for(1, -32), scale));
}

}  // namespace
}  // namespace mokapot
