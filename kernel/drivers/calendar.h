// SPDX-License-Identifier: Apache-2.0
//
// Calendar dates to Unix time, and the number formats of the CMOS clock. Pure; any context.
#pragma once

#include <cstdint>
#include <optional>

namespace mokapot {

struct CalendarTime {         // UTC
  unsigned year, month, day;  // month and day from 1
  unsigned hour, minute, second;
};

// Seconds since 1970-01-01 00:00:00 UTC in the Gregorian calendar; nothing if there is no such date
// or time.
std::optional<std::int64_t> unix_seconds(const CalendarTime& time);

// The clock's registers as read. century is 0 where there is no such register.
struct CmosRegisters {
  std::uint8_t second, minute, hour, day, month, year, century;
  std::uint8_t status_b;  // bit 1: hours count to 24; bit 2: binary, not decimal
};
CalendarTime decode_cmos(const CmosRegisters& registers);

}  // namespace mokapot
