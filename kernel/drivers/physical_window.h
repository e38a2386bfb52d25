// SPDX-License-Identifier: Apache-2.0
//
// Firmware's memory (tables) as bytes. The direct map need not cover what is not RAM.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

// Bytes at address, through the direct map where it covers them, else through a mapping made for
// them that stays for good. Thread context, boot only. kENOMEM.
Result<std::span<const std::uint8_t>> physical_window(PhysAddr address, std::uint64_t size);

}  // namespace mokapot
