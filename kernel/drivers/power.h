// SPDX-License-Identifier: Apache-2.0
//
// Set-up of what drivers.h offers as power_off and reset_machine.
#pragma once

#include "drivers/platform.h"

namespace mokapot {

// Maps the registers that end the VM. Boot.
void prepare_power(const Platform& platform);

}  // namespace mokapot
