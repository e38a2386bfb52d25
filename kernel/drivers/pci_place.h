// SPDX-License-Identifier: Apache-2.0
//
// Where a PCI function's memory lies, and the placing of it on machines without firmware that does (QEMU's microvm).
// Boot's thread.
#pragma once

#include "base/result.h"
#include "base/types.h"
#include "drivers/pci.h"
#include "drivers/platform.h"

namespace mokapot {

struct PciMemory {
  PhysAddr begin;
  std::uint64_t size;  // bytes, a power of two
};

// The memory of a 64-bit BAR of a function that nobody uses yet; the function answers there when this returns. If it has
// no place it gets one in the platform's windows, unless firmware has placed anything at all: then nobody but firmware
// knows what is free. kENXIO: no such BAR; kENOSPC: no place for it, or one that the direct map has no room for.
Result<PciMemory> place_memory_bar(PciAddress function, unsigned bar, const Platform& platform);

}  // namespace mokapot
