// SPDX-License-Identifier: Apache-2.0
//
// Turning ticks of one frequency into ticks of another without a division: (ticks * multiplier) >>
// shift. Pure; any context.
#pragma once

#include <cstdint>

namespace mokapot {

inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

struct alignas(8) ClockScale {
  std::uint32_t multiplier = 0;
  std::uint32_t shift = 0;

  // Exact product of 96 bits: no tick count is too large. The result must fit, which it does for
  // centuries.
  constexpr std::uint64_t apply(std::uint64_t ticks) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(ticks) * multiplier) >>
                                      shift);
  }
};

// The scale from from_hz to to_hz with the largest multiplier that fits 32 bits, so an error below
// 2^-31 of the value. Neither frequency may be 0, and their ratio must be within 2^31 either way.
constexpr ClockScale make_scale(std::uint64_t from_hz, std::uint64_t to_hz) {
  std::uint32_t shift = 63;
  while (true) {
    const unsigned __int128 multiplier =
        ((static_cast<unsigned __int128>(to_hz) << shift) + from_hz / 2) / from_hz;
    if (multiplier <= UINT32_MAX || shift == 0) {
      return {static_cast<std::uint32_t>(multiplier), shift};
    }
    --shift;
  }
}

// Ticks a second of a counter that advanced by ticks while another of other_hz advanced by
// other_ticks.
constexpr std::uint64_t measured_frequency(std::uint64_t ticks, std::uint64_t other_ticks,
                                           std::uint64_t other_hz) {
  if (other_ticks == 0) return 0;
  return static_cast<std::uint64_t>(
      (static_cast<unsigned __int128>(ticks) * other_hz + other_ticks / 2) / other_ticks);
}

// The full number of ticks of a counter that shows only the bits of mask (2^n - 1), where estimate
// is wrong by less than half a turn.
constexpr std::uint64_t unwrapped(std::uint64_t shown, std::uint64_t mask, std::uint64_t estimate) {
  const std::uint64_t ahead = (shown - estimate) & mask;
  return ahead <= mask / 2 ? estimate + ahead : estimate + ahead - mask - 1;
}

}  // namespace mokapot
