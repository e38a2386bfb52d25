// SPDX-License-Identifier: Apache-2.0
#include "exec/elf.h"

#include <cstring>

#include "base/types.h"

namespace mokapot {
namespace {

struct FileHeader {
  unsigned char identification[16];
  std::uint16_t type, machine;
  std::uint32_t version;
  std::uint64_t entry, program_headers, section_headers;
  std::uint32_t flags;
  std::uint16_t header_size, program_header_size, program_header_count, section_header_size, section_header_count, names;
};
struct ProgramHeader {
  std::uint32_t type, flags;
  std::uint64_t offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(FileHeader) == 64 && sizeof(ProgramHeader) == 56);

constexpr std::uint32_t kLoad = 1, kInterpreter = 3, kHeaders = 6, kGnuStack = 0x6474e551;
constexpr std::uint16_t kExecutable = 2, kShared = 3, kX86_64 = 62;
constexpr std::uint64_t kAddressLimit = 0x7fff'ffff'f000;

Result<void> add_segment(ElfProgram& program, const ProgramHeader& h, std::uint64_t file_size) {
  if (h.memory_size == 0) return {};
  if (program.segment_count == ElfProgram::kMostSegments) return Errno::kENOEXEC;
  if (h.file_size > h.memory_size || h.offset > file_size || h.file_size > file_size - h.offset) return Errno::kENOEXEC;
  if (h.address >= kAddressLimit || h.memory_size > kAddressLimit - h.address) return Errno::kENOEXEC;
  if (h.offset % kPageSize != h.address % kPageSize) return Errno::kENOEXEC;
  const std::uint64_t begin = align_down(h.address, kPageSize);
  const std::uint64_t end = align_up(h.address + h.memory_size, kPageSize);
  if (program.segment_count > 0 && begin < program.high) return Errno::kENOEXEC;  // ascending, as the ABI asks
  if (program.segment_count == 0) program.low = begin;
  program.high = end;
  program.segments[program.segment_count++] = {h.offset, h.address, h.file_size, h.memory_size,
                                               (h.flags & 4) != 0, (h.flags & 2) != 0, (h.flags & 1) != 0};
  return {};
}

}  // namespace

Result<ElfProgram> parse_elf(std::span<const std::byte> head, std::uint64_t file_size) {
  FileHeader header;
  if (head.size() < sizeof(header)) return Errno::kENOEXEC;
  std::memcpy(&header, head.data(), sizeof(header));
  static constexpr unsigned char kMagic[7] = {0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little-endian */, 1};
  if (std::memcmp(header.identification, kMagic, sizeof(kMagic)) != 0 || header.machine != kX86_64) return Errno::kENOEXEC;
  if (header.type != kExecutable && header.type != kShared) return Errno::kENOEXEC;
  if (header.program_header_size != sizeof(ProgramHeader) || header.program_header_count == 0) return Errno::kENOEXEC;
  const std::uint64_t table_size = std::uint64_t{header.program_header_count} * sizeof(ProgramHeader);
  if (header.program_headers > head.size() || table_size > head.size() - header.program_headers) return Errno::kENOEXEC;

  ElfProgram program;
  program.position_independent = header.type == kShared;
  program.entry = header.entry;
  program.header_count = header.program_header_count;
  for (unsigned i = 0; i < header.program_header_count; ++i) {
    ProgramHeader h;
    std::memcpy(&h, head.data() + header.program_headers + i * sizeof(h), sizeof(h));
    switch (h.type) {
      case kLoad: TRY(add_segment(program, h, file_size)); break;
      case kInterpreter:
        if (h.file_size < 2 || h.file_size > 4096 || h.offset > file_size || h.file_size > file_size - h.offset)
          return Errno::kENOEXEC;
        program.interpreter_offset = h.offset;
        program.interpreter_size = h.file_size;
        break;
      case kHeaders: program.header_address = h.address; break;
      case kGnuStack: program.executable_stack = (h.flags & 1) != 0; break;
      default: break;
    }
  }
  if (program.segment_count == 0) return Errno::kENOEXEC;
  // Without PT_PHDR the headers are where the segment that holds their file offset puts them.
  for (std::size_t i = 0; program.header_address == 0 && i < program.segment_count; ++i) {
    const ElfSegment& s = program.segments[i];
    if (header.program_headers >= s.offset && header.program_headers - s.offset < s.file_size)
      program.header_address = s.address + (header.program_headers - s.offset);
  }
  return program;
}

}  // namespace mokapot
