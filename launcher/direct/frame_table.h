// SPDX-License-Identifier: Apache-2.0
//
// The functions that .eh_frame_hdr lists: every one that an exception may pass through, so with usual compilers all.
// Linux Standard Base, "DWARF Extensions" and "The .eh_frame_hdr section". The bytes are untrusted.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace moka {

class FrameTable {
 public:
  struct Range {
    std::uint64_t begin, size;
  };
  // What the program has from an address on; empty where it has nothing.
  using Loaded = std::function<std::span<const std::uint8_t>(std::uint64_t address)>;

  // `header`: the address of .eh_frame_hdr. Entries of forms that x86-64's compilers do not write are left out.
  static std::vector<Range> read(std::uint64_t header, const Loaded& loaded);
};

}  // namespace moka
