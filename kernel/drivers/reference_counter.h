// SPDX-License-Identifier: Apache-2.0
//
// Counters of known frequency that machines have beside the TSC: HPET, ACPI's PM timer, the PIT.
// They calibrate the TSC and stand in for it where it cannot be trusted.
#pragma once

#include <cstdint>

#include "drivers/platform.h"

namespace mokapot {

struct ReferenceCounter {
  const char* name = nullptr;
  std::uint64_t frequency = 0;        // Hz
  std::uint64_t mask = 0;             // of the bits that count; it wraps around there
  std::uint64_t (*read)() = nullptr;  // any context
  bool valid() const { return read != nullptr; }
};

// The best that the machine has, running; not valid() if there is none. Boot.
ReferenceCounter find_reference_counter(const Platform& platform);

}  // namespace mokapot
