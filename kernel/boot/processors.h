// SPDX-License-Identifier: Apache-2.0
//
// Starts the CPUs beyond the first, one after the other. Thread context, interrupts on, clock running.
#pragma once

#include "drivers/platform.h"

namespace mokapot {

// A CPU that does not answer within a second is left out, with a line in the log.
void start_processors(const Platform& platform);

}  // namespace mokapot
