// SPDX-License-Identifier: Apache-2.0
//
// The battery-backed clock of a PC (MC146818), read once at boot.
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/platform.h"

namespace mokapot {

// Unix time in seconds, or nothing if no such clock answers sensibly. Polls for 3 ms at most.
std::optional<std::int64_t> read_cmos_clock(const Platform& platform);

}  // namespace mokapot
