// SPDX-License-Identifier: Apache-2.0
//
// Wired interrupts for drivers.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "drivers/platform.h"
#include "irq/irq.h"

namespace mokapot {

// Gives the line a vector of its own on CPU 0 and lets it through. Lines are not shared. kENOSPC,
// or kEINVAL if no IOAPIC has the line. `name` as for allocate_vector. Thread context, boot.
Result<void> connect_line(std::uint32_t line, Trigger trigger, Polarity polarity,
                          InterruptHandler handler, void* context, const char* name);
// As above for a line by its number on the ISA bus, which firmware may have wired elsewhere.
Result<void> connect_isa_line(const Platform& platform, std::uint8_t isa_interrupt,
                              InterruptHandler handler, void* context, const char* name);

}  // namespace mokapot
