// SPDX-License-Identifier: Apache-2.0
//
// The kernel's real page tables (DESIGN section 3), built once by the boot CPU in place of the stub's.
#pragma once

#include "base/types.h"
#include "boot/boot_info.h"

namespace mokapot {

// Builds the upper half: direct map of all usable memory and of the first MiB, an empty kernel virtual area, and
// the image with its sections' protections; then switches to it. Tables come out of info's usable ranges.
// Interrupts off, boot CPU only.
void build_kernel_map(BootInfo& info);
// Root for other CPUs to load.
PhysAddr kernel_map_root();
// Physical range of the image, for cutting it out of the usable memory.
MemoryRange kernel_image_range();
// The stub and its page tables, no longer needed once all CPUs run: given to the frame allocator.
void release_boot_section();

}  // namespace mokapot
