// SPDX-License-Identifier: Apache-2.0

#include "drivers/calendar.h"

namespace mokapot {
namespace {

constexpr bool is_leap(unsigned year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

constexpr unsigned days_in_month(unsigned year, unsigned month) {
  constexpr unsigned kDays[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Days from 1970-01-01. Leap days before a year: every 4th, not every 100th, but every 400th.
constexpr std::int64_t days_before_year(unsigned year) {
  const std::int64_t past = std::int64_t{year} - 1;
  return 365 * (std::int64_t{year} - 1970) + (past / 4 - past / 100 + past / 400) -
         (1969 / 4 - 1969 / 100 + 1969 / 400);
}

unsigned from_bcd(std::uint8_t value) { return (value >> 4) * 10u + (value & 0xf); }

}  // namespace

std::optional<std::int64_t> unix_seconds(const CalendarTime& time) {
  if (time.year < 1970 || time.year > 9999 || time.month < 1 || time.month > 12)
    return std::nullopt;
  if (time.day < 1 || time.day > days_in_month(time.year, time.month)) return std::nullopt;
  if (time.hour > 23 || time.minute > 59 || time.second > 60)
    return std::nullopt;  // 60: a leap second
  std::int64_t days = days_before_year(time.year) + time.day - 1;
  for (unsigned month = 1; month < time.month; ++month) days += days_in_month(time.year, month);
  return ((days * 24 + time.hour) * 60 + time.minute) * 60 + time.second;
}

CalendarTime decode_cmos(const CmosRegisters& registers) {
  constexpr std::uint8_t kHour24 = 0x02, kBinary = 0x04, kAfternoon = 0x80;
  const bool binary = (registers.status_b & kBinary) != 0;
  const auto number = [&](std::uint8_t value) -> unsigned {
    return binary ? value : from_bcd(value);
  };
  CalendarTime time{};
  time.second = number(registers.second);
  time.minute = number(registers.minute);
  if ((registers.status_b & kHour24) != 0) {
    time.hour = number(registers.hour);
  } else {
    const bool afternoon = (registers.hour & kAfternoon) != 0;
    // 12 in the morning is 0 o'clock, 12 in the afternoon is noon.
    time.hour = number(registers.hour & ~kAfternoon) % 12 + (afternoon ? 12 : 0);
  }
  time.day = number(registers.day);
  time.month = number(registers.month);
  time.year = number(registers.year);
  const unsigned century = registers.century == 0 ? 0 : number(registers.century);
  // Without a century the years mean 1970 to 2069.
  if (century >= 19 && century <= 99)
    time.year += century * 100;
  else
    time.year += time.year < 70 ? 2000 : 1900;
  return time;
}

}  // namespace mokapot
