// SPDX-License-Identifier: Apache-2.0
//
// The serial line as a stream port; its first use, as the kernel's voice, is in drivers.h.
#pragma once

#include "drivers/platform.h"

namespace mokapot {

// Registers the port "serial" and turns on its receive interrupt. Thread context, boot.
void start_serial_port(const Platform& platform);

}  // namespace mokapot
