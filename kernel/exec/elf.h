// SPDX-License-Identifier: Apache-2.0
//
// Reading an ELF file's headers: a pure function over bytes, every field checked. System V ABI, and
// the x86-64 supplement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace mokapot {

struct ElfSegment {
  std::uint64_t offset, address, file_size, memory_size;
  bool readable, writable, executable;
};

struct ElfProgram {
  static constexpr std::size_t kMostSegments = 16;
  bool position_independent = false;      // ET_DYN
  std::uint64_t entry = 0;
  std::uint64_t header_address = 0;       // of the program headers in memory (AT_PHDR), 0 if not loaded
  std::uint16_t header_count = 0;
  std::uint64_t interpreter_offset = 0;   // of the path in the file
  std::uint64_t interpreter_size = 0;     // with NUL; 0: none
  bool executable_stack = false;
  std::size_t segment_count = 0;
  ElfSegment segments[kMostSegments] = {};
  // Of all segments: page-aligned bounds of the memory that they take.
  std::uint64_t low = 0, high = 0;
};

// head: the beginning of the file, at least up to the end of the program headers. kENOEXEC for anything that
// is not a loadable x86-64 program; file_size bounds what segments may name.
Result<ElfProgram> parse_elf(std::span<const std::byte> head, std::uint64_t file_size);

}  // namespace mokapot
