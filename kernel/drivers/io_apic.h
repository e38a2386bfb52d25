// SPDX-License-Identifier: Apache-2.0
//
// The IOAPICs as irq/'s controller of wired lines.
#pragma once

#include "drivers/platform.h"

namespace mokapot {

// Maps them, masks every pin and registers. Boot, interrupts off.
void initialise_io_apics(const Platform& platform);

}  // namespace mokapot
