// SPDX-License-Identifier: Apache-2.0
//
// Boot only, one thread: the index and data ports need no lock.

#include "drivers/cmos_clock.h"

#include <cstring>

#include "arch/cpu.h"
#include "arch/port_io.h"
#include "drivers/calendar.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kStatusA = 0x0a, kStatusB = 0x0b;
constexpr std::uint8_t kUpdateInProgress = 0x80;

std::uint8_t read_register(std::uint8_t number) {
  constexpr std::uint16_t kIndex = 0x70, kData = 0x71;
  constexpr std::uint8_t kNmiOff = 0x80;  // as firmware leaves it; NMIs come through the APIC
  arch::write_port8(kIndex, number | kNmiOff);
  return arch::read_port8(kData);
}

CmosRegisters read_registers(std::uint8_t century_register) {
  return {read_register(0),
          read_register(2),
          read_register(4),
          read_register(7),
          read_register(8),
          read_register(9),
          century_register == 0 ? std::uint8_t{0} : read_register(century_register),
          read_register(kStatusB)};
}

}  // namespace

std::optional<std::int64_t> read_cmos_clock(const Platform& platform) {
  // An update takes 2 ms at most; a port access some part of a microsecond at least.
  constexpr int kMaxPolls = 10'000;
  int polls = 0;
  while ((read_register(kStatusA) & kUpdateInProgress) != 0) {
    if (++polls == kMaxPolls) return std::nullopt;  // nothing there: all ones
    arch::relax();
  }
  // An update may have begun while we read: only two equal readings count.
  CmosRegisters registers = read_registers(platform.century_register);
  for (int attempt = 0; attempt < 4; ++attempt) {
    const CmosRegisters again = read_registers(platform.century_register);
    if (std::memcmp(&registers, &again, sizeof(registers)) == 0)
      return unix_seconds(decode_cmos(registers));
    registers = again;
  }
  return std::nullopt;
}

}  // namespace mokapot
