// SPDX-License-Identifier: Apache-2.0
//
// The Multiboot2 information that GRUB hands over (Multiboot2 specification, 3.6): a total size, then tags on
// multiples of 8 bytes. A pure function over bytes.
#pragma once

#include <cstddef>
#include <span>

#include "base/types.h"
#include "boot/boot_info.h"

namespace mokapot {

// `information` lies at `address`; its first word is its size. Reads the command line, the first module (the
// initrd), usable memory, and the ACPI root pointer, of which the loader made a copy: it is in there, so that memory
// is named in info.loader. False where the tags run over the end or into each other.
bool parse_multiboot(std::span<const std::byte> information, PhysAddr address, BootInfo& info);

}  // namespace mokapot
