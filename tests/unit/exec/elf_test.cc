// SPDX-License-Identifier: Apache-2.0
// sources: kernel/exec/elf.cc
//
// The headers of an ELF program: what is taken from them, and what is not a program. The headers here are made
// with the host's <elf.h>, so its numbers check ours.

#include "exec/elf.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <vector>

#include "base/types.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kFileSize = 0x9000;

// A small position-independent program with an interpreter, for a test to change.
struct TestFile {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> programs;
  std::uint64_t file_size = kFileSize;

  TestFile() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x2040;
    header.e_phoff = sizeof(header);
    header.e_ehsize = sizeof(header);
    header.e_phentsize = sizeof(Elf64_Phdr);
    add(PT_PHDR, PF_R, 0x40, 0x40, 0x1c0, 0x1c0);
    add(PT_INTERP, PF_R, 0x400, 0x400, 28, 28);
    add(PT_LOAD, PF_R, 0, 0, 0x1000, 0x1000);
    add(PT_LOAD, PF_R | PF_X, 0x2000, 0x2000, 0x3000, 0x3000);
    add(PT_LOAD, PF_R | PF_W, 0x5e00, 0x6e00, 0x400, 0x2400);
    add(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
  }
  void add(std::uint32_t type, std::uint32_t flags, std::uint64_t offset, std::uint64_t address,
           std::uint64_t file_bytes, std::uint64_t memory_bytes) {
    Elf64_Phdr program{};
    program.p_type = type;
    program.p_flags = flags;
    program.p_offset = offset;
    program.p_vaddr = program.p_paddr = address;
    program.p_filesz = file_bytes;
    program.p_memsz = memory_bytes;
    program.p_align = kPageSize;
    programs.push_back(program);
  }
  Elf64_Phdr& find(std::uint32_t type) {
    for (Elf64_Phdr& program : programs)
      if (program.p_type == type) return program;
    std::abort();
  }
  Elf64_Phdr& load(int index) { return programs[static_cast<std::size_t>(2 + index)]; }

  // In an allocation of exactly its size: the sanitizer sees a read beyond it.
  std::vector<std::byte> bytes() {
    if (header.e_phnum == 0) header.e_phnum = static_cast<std::uint16_t>(programs.size());
    std::vector<std::byte> result(sizeof(header) + programs.size() * sizeof(Elf64_Phdr));
    std::memcpy(result.data(), &header, sizeof(header));
    std::memcpy(result.data() + sizeof(header), programs.data(), programs.size() * sizeof(Elf64_Phdr));
    return result;
  }
  Result<ElfProgram> parse() {
    const std::vector<std::byte> head = bytes();
    return parse_elf(head, file_size);
  }
};

TEST(Elf, APositionIndependentProgram) {
  TestFile file;
  Result<ElfProgram> result = file.parse();
  ASSERT_TRUE(result.ok());
  const ElfProgram& program = result.value();
  EXPECT_TRUE(program.position_independent);
  EXPECT_EQ(program.entry, 0x2040u);
  EXPECT_EQ(program.header_address, 0x40u);
  EXPECT_EQ(program.header_count, 6u);
  EXPECT_EQ(program.interpreter_offset, 0x400u);
  EXPECT_EQ(program.interpreter_size, 28u);
  EXPECT_FALSE(program.executable_stack);
  EXPECT_EQ(program.low, 0u);
  EXPECT_EQ(program.high, 0xa000u);  // 0x6e00 + 0x2400, to the end of its page

  ASSERT_EQ(program.segment_count, 3u);
  const ElfSegment& text = program.segments[1];
  EXPECT_TRUE(text.readable && text.executable && !text.writable);
  const ElfSegment& data = program.segments[2];
  EXPECT_TRUE(data.readable && data.writable && !data.executable);
  EXPECT_EQ(data.offset, 0x5e00u);
  EXPECT_EQ(data.address, 0x6e00u);
  EXPECT_EQ(data.file_size, 0x400u);
  EXPECT_EQ(data.memory_size, 0x2400u);  // with .bss
}

TEST(Elf, AStaticProgramAtAFixedAddress) {
  TestFile file;
  file.header.e_type = ET_EXEC;
  file.find(PT_INTERP).p_type = PT_NULL;
  for (int i = 0; i < 3; ++i) file.load(i).p_vaddr += 0x400000;
  Result<ElfProgram> result = file.parse();
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.value().position_independent);
  EXPECT_EQ(result.value().interpreter_size, 0u);
  EXPECT_EQ(result.value().low, 0x400000u);
}

TEST(Elf, WithoutItsOwnHeaderTheTableIsFoundInASegment) {
  TestFile file;
  file.find(PT_PHDR).p_type = PT_NULL;
  file.load(0).p_vaddr = 0;
  for (int i = 0; i < 3; ++i) file.load(i).p_vaddr += 0x10000;
  Result<ElfProgram> result = file.parse();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().header_address, 0x10040u);
}

TEST(Elf, AnExecutableStackIsNoticed) {
  TestFile file;
  file.find(PT_GNU_STACK).p_flags |= PF_X;
  Result<ElfProgram> result = file.parse();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.value().executable_stack);
}

TEST(Elf, SegmentsOfNoBytesAreLeftOut) {
  TestFile file;
  file.add(PT_LOAD, PF_R, 0x8000, 0x20000, 0, 0);
  Result<ElfProgram> result = file.parse();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().segment_count, 3u);
  EXPECT_EQ(result.value().high, 0xa000u);
}

TEST(Elf, EveryTruncationIsRefused) {
  TestFile file;
  const std::vector<std::byte> whole = file.bytes();
  ASSERT_TRUE(parse_elf(whole, kFileSize).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(parse_elf(part, kFileSize).ok()) << size;
  }
}

struct Damage {
  const char* name;
  std::function<void(TestFile&)> apply;
};
class ElfDamage : public testing::TestWithParam<Damage> {};

TEST_P(ElfDamage, IsNotAProgram) {
  TestFile file;
  GetParam().apply(file);
  Result<ElfProgram> result = file.parse();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), Errno::kENOEXEC);
}

INSTANTIATE_TEST_SUITE_P(
    Elf, ElfDamage,
    testing::Values(
        Damage{"Magic", [](TestFile& f) { f.header.e_ident[EI_MAG0] = '#'; }},
        Damage{"ThirtyTwoBits", [](TestFile& f) { f.header.e_ident[EI_CLASS] = ELFCLASS32; }},
        Damage{"BigEndian", [](TestFile& f) { f.header.e_ident[EI_DATA] = ELFDATA2MSB; }},
        Damage{"AnotherMachine", [](TestFile& f) { f.header.e_machine = EM_AARCH64; }},
        Damage{"ObjectFile", [](TestFile& f) { f.header.e_type = ET_REL; }},
        Damage{"CoreFile", [](TestFile& f) { f.header.e_type = ET_CORE; }},
        Damage{"HeaderSize", [](TestFile& f) { f.header.e_phentsize = 32; }},
        Damage{"HeadersBeyondTheFile", [](TestFile& f) { f.header.e_phoff = ~std::uint64_t{0} - 8; }},
        Damage{"MoreHeadersThanThere", [](TestFile& f) { f.header.e_phnum = 7; }},
        Damage{"NothingToLoad", [](TestFile& f) { for (int i = 0; i < 3; ++i) f.load(i).p_type = PT_NOTE; }},
        Damage{"TooManySegments", [](TestFile& f) {
          for (std::uint64_t i = 0; i < ElfProgram::kMostSegments; ++i)
            f.add(PT_LOAD, PF_R, 0, 0x20000 + i * kPageSize, 1, 1);
        }},
        Damage{"SegmentBeyondTheFile", [](TestFile& f) { f.file_size = 0x6000; }},
        Damage{"OffsetWrapsRound", [](TestFile& f) { f.load(2).p_offset = ~std::uint64_t{0xfff} + 0xe00; }},
        Damage{"LargerInTheFile", [](TestFile& f) { f.load(1).p_filesz = f.load(1).p_memsz + 1; }},
        Damage{"AddressWrapsRound", [](TestFile& f) { f.load(2).p_memsz = ~std::uint64_t{0} - 0x1000; }},
        Damage{"KernelAddress", [](TestFile& f) { f.load(2).p_vaddr = 0xffff'8000'0000'0e00; }},
        Damage{"OffsetAndAddressDisagree", [](TestFile& f) { f.load(1).p_vaddr += 8; }},
        Damage{"SegmentsOverlap", [](TestFile& f) { f.load(2).p_vaddr = 0x4e00; }},
        Damage{"SegmentsDescend", [](TestFile& f) { std::swap(f.load(0), f.load(1)); }},
        Damage{"EmptyInterpreter", [](TestFile& f) { f.find(PT_INTERP).p_filesz = 1; }},
        Damage{"InterpreterTooLong", [](TestFile& f) { f.find(PT_INTERP).p_filesz = 4097; }},
        Damage{"InterpreterBeyondTheFile", [](TestFile& f) { f.find(PT_INTERP).p_offset = kFileSize - 4; }}),
    [](const testing::TestParamInfo<Damage>& damage) { return damage.param.name; });

}  // namespace
}  // namespace mokapot
