// SPDX-License-Identifier: Apache-2.0
//
// What the loader hands over, in one form for all protocols: PVH (Xen's hvm_start_info), the Linux 64-bit boot
// protocol (boot_params) and Multiboot2 (multiboot.h). Parsed from the loader's memory through the direct map,
// copied here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "memory/frames.h"

namespace mokapot {

enum class BootProtocol : unsigned { kPvh = 1, kLinux = 2, kMultiboot = 3 };

struct BootInfo {
  static constexpr std::size_t kMostRanges = 64;
  MemoryRange usable[kMostRanges];  // ascending, page aligned, not overlapping
  std::size_t usable_count = 0;
  MemoryRange initrd{};             // empty if there is none
  PhysAddr rsdp;                    // null if unknown
  MemoryRange loader{};             // the loader's information, where rsdp lies in it; else empty
  char command_line[2048] = {};
};

// Panics where the loader's information makes no sense: there is nothing to fall back on.
void read_boot_info(BootProtocol protocol, PhysAddr information, BootInfo& info);

// Adds usable memory, at whatever place in the list; what lies below 1 MiB is left out. Where the list is full the
// range is left out too.
void add_usable(BootInfo& info, std::uint64_t begin, std::uint64_t end);

// Takes [hole.begin, hole.end) out of the usable ranges.
void exclude_range(BootInfo& info, MemoryRange hole);

// The value of name=value on the command line, or "" for a bare name; has says whether it is there.
struct OptionValue {
  bool has = false;
  std::string_view value;
};
OptionValue command_line_option(std::string_view command_line, std::string_view name);

}  // namespace mokapot
