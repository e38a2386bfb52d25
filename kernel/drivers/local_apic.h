// SPDX-License-Identifier: Apache-2.0
//
// This CPU's local APIC, through memory (xAPIC) or through registers of the CPU (x2APIC). After
// Intel's manual, volume 3, chapter 11 ("APIC").
//
// Locks: none; each CPU writes its own APIC, interrupts off around the two halves of a command. The
// mode and the table of APIC ids are constant once boot has set them.
#pragma once

#include <cstdint>

#include "drivers/platform.h"
#include "irq/irq.h"

namespace mokapot {

// Timer registers, for apic_timer.cc. Interrupts off; they belong to the calling CPU.
enum class ApicTimerMode : std::uint8_t { kMaskedOneShot, kOneShot, kTscDeadline };
void set_apic_timer_mode(ApicTimerMode mode);
// Counts down once from count at the bus clock divided by kApicTimerDivider; 0 stops.
inline constexpr std::uint32_t kApicTimerDivider = 16;
void set_apic_timer_count(std::uint32_t count);
std::uint32_t apic_timer_count();

// Finds and maps the APIC, enables the boot CPU's and registers with irq/.
void initialise_local_apic(const Platform& platform);
// On every further CPU.
void enable_local_apic();

}  // namespace mokapot
