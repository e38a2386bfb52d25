// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "drivers/pci.h"
#include "drivers/platform.h"

namespace mokapot {

// Starts the driver if that is what the function is and the platform has a name for the disk. Boot's thread.
void start_mapped_disk(PciAddress function, const Platform& platform);

}  // namespace mokapot
