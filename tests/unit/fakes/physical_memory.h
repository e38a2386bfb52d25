// SPDX-License-Identifier: Apache-2.0
//
// The host's "physical memory".
#pragma once

#include <cstdint>

namespace mokapot::fake {

inline constexpr std::uint64_t kPhysicalBase = 0x10'0000;
inline constexpr std::uint64_t kPhysicalSize = std::uint64_t{256} << 20;
// Behind it, memory of a device: the direct map has it, the frame allocator does not.
inline constexpr std::uint64_t kDeviceBase = kPhysicalBase + kPhysicalSize;
inline constexpr std::uint64_t kDeviceSize = std::uint64_t{16} << 20;

// Fake frame allocator only (fakes/frames.cc): frames left before kENOMEM; -1: the arena's end.
void limit_frames(long frames);

}  // namespace mokapot::fake
