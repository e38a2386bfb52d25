// SPDX-License-Identifier: Apache-2.0
//
// The GUID partition table (UEFI specification 2.10, 5.3): pure functions over bytes that may hold anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace mokapot {

// A GUID as text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in lower case, with a NUL.
inline constexpr std::size_t kGuidTextSize = 37;

struct GptHeader {
  std::uint64_t first_usable = 0, last_usable = 0;  // logical blocks
  std::uint64_t entries_block = 0;
  std::uint32_t entry_count = 0, entry_size = 0;
  std::uint32_t entries_checksum = 0;

  std::size_t entries_bytes() const { return std::size_t{entry_count} * entry_size; }
};

struct GptEntry {
  std::uint64_t first = 0, last = 0;  // logical blocks, both included
  char guid[kGuidTextSize] = {};      // this partition's own
};

// CRC-32 of IEEE 802.3, which headers and entries carry.
std::uint32_t gpt_checksum(std::span<const std::byte> bytes);

// `block`: logical block `number` of a disk with `blocks` of them. kENOENT: there is no table; kEUCLEAN: it is
// damaged. The entries of an accepted header lie on the disk and are 256 KiB at most.
Result<GptHeader> parse_gpt_header(std::span<const std::byte> block, std::uint64_t number, std::uint64_t blocks);

// Entry `index` of `entries`, which has header.entries_bytes() bytes. kENOENT: not in use; kEUCLEAN: outside of the
// disk's usable part.
Result<GptEntry> parse_gpt_entry(const GptHeader& header, std::span<const std::byte> entries, std::size_t index);

}  // namespace mokapot
