// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/calendar.cc

#include "drivers/calendar.h"

#include <gtest/gtest.h>
#include <time.h>

namespace mokapot {
namespace {

TEST(Calendar, AgreesWithTheHostOnEveryDay) {
  for (std::int64_t day = 0; day < 366 * 250; ++day) {
    const time_t seconds = day * 86'400 + day % 86'400;
    tm broken{};
    ASSERT_NE(gmtime_r(&seconds, &broken), nullptr);
    const auto number = [](int value) { return static_cast<unsigned>(value); };
    const auto ours = unix_seconds({number(broken.tm_year + 1900), number(broken.tm_mon + 1),
                                    number(broken.tm_mday), number(broken.tm_hour),
                                    number(broken.tm_min), number(broken.tm_sec)});
    ASSERT_TRUE(ours);
    ASSERT_EQ(*ours, seconds);
  }
}

TEST(Calendar, RefusesDatesThatAreNone) {
  EXPECT_FALSE(unix_seconds({2025, 2, 29, 0, 0, 0}));
  EXPECT_TRUE(unix_seconds({2024, 2, 29, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({2100, 2, 29, 0, 0, 0}));
  EXPECT_TRUE(unix_seconds({2000, 2, 29, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({2025, 13, 1, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({2025, 0, 1, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({2025, 4, 31, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({2025, 4, 0, 0, 0, 0}));
  EXPECT_FALSE(unix_seconds({1969, 12, 31, 23, 59, 59}));
  EXPECT_FALSE(unix_seconds({2025, 1, 1, 24, 0, 0}));
  EXPECT_FALSE(unix_seconds({2025, 1, 1, 0, 60, 0}));
  // What a machine without the clock reads.
  EXPECT_FALSE(unix_seconds(decode_cmos({255, 255, 255, 255, 255, 255, 255, 255})));
}

constexpr std::uint8_t kHour24 = 2, kBinary = 4;

TEST(CmosClock, DecimalAndBinary) {
  const CalendarTime decimal = decode_cmos({0x59, 0x34, 0x23, 0x31, 0x12, 0x26, 0x20, kHour24});
  EXPECT_EQ(unix_seconds(decimal), unix_seconds({2026, 12, 31, 23, 34, 59}));
  const CalendarTime binary = decode_cmos({59, 34, 23, 31, 12, 26, 20, kHour24 | kBinary});
  EXPECT_EQ(unix_seconds(binary), unix_seconds(decimal));
}

TEST(CmosClock, TwelveHours) {
  const auto hour = [](std::uint8_t raw) {
    return decode_cmos({0, 0, raw, 1, 1, 0x26, 0x20, 0}).hour;
  };
  EXPECT_EQ(hour(0x12), 0u);  // midnight
  EXPECT_EQ(hour(0x01), 1u);
  EXPECT_EQ(hour(0x11), 11u);
  EXPECT_EQ(hour(0x12 | 0x80), 12u);  // noon
  EXPECT_EQ(hour(0x11 | 0x80), 23u);
}

TEST(CmosClock, Centuries) {
  const auto year = [](std::uint8_t raw, std::uint8_t century) {
    return decode_cmos({0, 0, 0, 1, 1, raw, century, kHour24}).year;
  };
  EXPECT_EQ(year(0x26, 0x20), 2026u);
  EXPECT_EQ(year(0x26, 0), 2026u);
  EXPECT_EQ(year(0x99, 0), 1999u);
  EXPECT_EQ(year(0x26, 0x01), 2026u);  // a register that holds something else
}

}  // namespace
}  // namespace mokapot
