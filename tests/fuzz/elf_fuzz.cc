// SPDX-License-Identifier: Apache-2.0
//
// The ELF headers of a program: whatever the bytes, what is accepted must be safe to map.
// sources: kernel/exec/elf.cc

#include <cstdlib>
#include <span>

#include "exec/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mokapot;
  // SAFETY: bytes may be looked at as std::byte.
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  for (const std::uint64_t file_size : {std::uint64_t{size}, std::uint64_t{1} << 30}) {
    Result<ElfProgram> result = parse_elf({bytes, size}, file_size);
    if (!result) continue;
    const ElfProgram& program = result.value();
    if (program.segment_count == 0 || program.segment_count > ElfProgram::kMostSegments) std::abort();
    if (program.low >= program.high) std::abort();
    if (program.interpreter_size != 0 && program.interpreter_offset + program.interpreter_size > file_size)
      std::abort();
    for (std::size_t i = 0; i < program.segment_count; ++i) {
      const ElfSegment& segment = program.segments[i];
      if (segment.file_size > segment.memory_size) std::abort();
      if (segment.offset + segment.file_size < segment.offset) std::abort();
      if (segment.offset + segment.file_size > file_size) std::abort();
      if (segment.address < program.low || segment.address + segment.memory_size > program.high) std::abort();
    }
  }
  return 0;
}
