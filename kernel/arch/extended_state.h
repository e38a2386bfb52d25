// SPDX-License-Identifier: Apache-2.0
//
// The live vector state to and from a signal frame: XSAVE areas in the standard format in the application's
// memory, sized and aligned as arch/context.h says. Straight from and to the registers, since the kernel does not
// use them: a fault on the way is resolved and the instruction starts again, and a thread switch in between saves
// and restores the same registers. Thread context, interrupts on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

std::uint64_t extended_state_components();  // XCR0; 0 where there is no XSAVE

// All components. False: the memory cannot be written.
bool save_extended_state_to_application(VirtAddr area);

// kLegacy: only the 512 bytes of FXSAVE are there, and all that is beyond them goes to its initial state.
enum class ExtendedStateForm : std::uint8_t { kWhole, kLegacy };
// False: the memory cannot be read, or does not hold such a state.
bool load_extended_state_from_application(VirtAddr area, ExtendedStateForm form);

}  // namespace mokapot::arch
