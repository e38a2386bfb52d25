// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/direct/call_sites.cc launcher/direct/instructions.cc launcher/direct/program_text.cc
// sources: launcher/direct/frame_table.cc launcher/support/files.cc kernel/exec/direct_call_table.cc
// sources: kernel/arch/x64/direct_call.cc
// libs: $(ZYDIS)
//
// Which system calls become direct, by code that must or must not, and the kernel's view of the table; then the C
// library of this machine, every jump and trampoline of which is executed by the decoder.

#include "direct/call_sites.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "contract/direct_calls.h"
#include "direct/instructions.h"
#include "exec/direct_call_table.h"

namespace moka {
namespace {

using Code = std::vector<std::uint8_t>;
using mokapot::DirectCallTable;
using mokapot::Errno;
using mokapot::kPageSize;
using mokapot::VirtAddr;

constexpr std::uint64_t kAddress = 0x10000;
const VirtAddr kText{0x7000'0000'0000}, kCode{0x7000'1000'0000};

ProgramText program(Code code, std::vector<ProgramText::Function> functions = {}) {
  ProgramText text;
  text.offset = 0x1000;
  text.address = kAddress;
  if (functions.empty()) functions = {{kAddress, kAddress + code.size()}};
  text.bytes = std::move(code);
  text.functions = std::move(functions);
  return text;
}

mokapot::Result<DirectCallTable> table_of(const std::string& bytes) {
  mokapot::Vector<std::uint64_t> words;
  EXPECT_TRUE(words.resize((bytes.size() + 7) / 8).ok());
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  return DirectCallTable::create(std::move(words), bytes.size());
}

// The places of the jumps that the kernel makes of it.
std::vector<std::size_t> jumps(const ProgramText& text) {
  const std::string bytes = direct_call_table(text);
  if (bytes.empty()) return {};
  const DirectCallTable table = table_of(bytes).take();
  std::vector<std::uint8_t> patched = text.bytes;
  patched.resize((patched.size() + kPageSize - 1) / kPageSize * kPageSize);
  const std::vector<std::uint8_t> before = patched;
  std::vector<std::size_t> places;
  for (std::size_t page = 0; page < patched.size(); page += kPageSize) {
    auto* contents = reinterpret_cast<std::byte*>(patched.data() + page);
    if (table.has_sites_in(page)) table.put_jumps(page, contents, kCode, kText);
  }
  for (std::size_t i = 0; i < patched.size(); ++i)
    if (patched[i] == 0xe9 && before[i] != 0xe9) places.push_back(i);
  for (std::size_t page = 0; page < patched.size(); page += kPageSize)
    table.take_jumps(page, reinterpret_cast<std::byte*>(patched.data() + page), kCode, kText);
  EXPECT_EQ(patched, before);
  return places;
}

const Code kMove39 = {0xb8, 0x27, 0, 0, 0};  // mov $39, %eax
const Code kSyscallReturn = {0x0f, 0x05, 0xc3};

Code operator+(Code a, const Code& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(CallSites, AMoveBeforeASyscallIsASite) { EXPECT_EQ(jumps(program(kMove39 + kSyscallReturn)), std::vector<std::size_t>{0}); }

TEST(CallSites, ShortInstructionsInBetweenAreCopied) {
  const Code code = kMove39 + Code{0x44, 0x89, 0xe6, 0x45, 0x31, 0xd2} + kSyscallReturn;
  EXPECT_EQ(jumps(program(code)), std::vector<std::size_t>{0});
}

TEST(CallSites, WithoutAnInstructionOfFiveBytesThereIsNone) {
  EXPECT_TRUE(jumps(program(Code{0x31, 0xc0, 0x90, 0x90, 0x90, 0x90} + kSyscallReturn)).empty());
}

// Whether the one site's program is taken to have no use for its status flags.
bool leaves_flags_unused(const Code& code) {
  const std::string bytes = direct_call_table(program(code));
  mokapot::contract::DirectCallSite site{};
  EXPECT_GE(bytes.size(), sizeof(mokapot::contract::DirectCallsHeader) + sizeof site);
  std::memcpy(&site, bytes.data() + sizeof(mokapot::contract::DirectCallsHeader), sizeof site);
  return site.status_flags_unused == 1;
}

TEST(CallSites, FlagsThatTheNextInstructionReplacesAreUnused) {
  const Code syscall = {0x0f, 0x05}, compare = {0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff};  // cmp $-4095, %rax
  EXPECT_TRUE(leaves_flags_unused(kMove39 + syscall + compare + Code{0xc3}));
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall + Code{0x48, 0x85, 0xc0, 0xc3}));        // test: AF is undefined
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall + Code{0xc3}));                          // ret
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall));                                       // who knows
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall + Code{0x48, 0xff, 0xc0} + compare));    // inc: CF stays
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall + Code{0x48, 0x83, 0xd0, 0x00, 0xc3}));  // adc looks at CF
  EXPECT_FALSE(leaves_flags_unused(kMove39 + syscall + Code{0x73, 0x00} + compare));          // jae looks at it
}

TEST(CallSites, FlagsAreUsedInAFunctionThatChangesTheOthers) {
  const Code call = kMove39 + Code{0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xc3};
  EXPECT_TRUE(leaves_flags_unused(Code{0x50, 0xf3, 0xab} + call));  // push, rep stos: looks at DF alone
  EXPECT_FALSE(leaves_flags_unused(Code{0xfd} + call));             // std
  EXPECT_FALSE(leaves_flags_unused(Code{0x9d} + call));             // popf
}

TEST(CallSites, ABranchIntoTheFirstInstructionForbidsIt) {
  // jmp into the middle of the move, from another function.
  const Code first = kMove39 + kSyscallReturn;
  const Code second = {0xeb, static_cast<std::uint8_t>(2 - 10)};
  EXPECT_TRUE(jumps(program(first + second, {{kAddress, kAddress + 8}, {kAddress + 8, kAddress + 10}})).empty());
  // The same from bytes that no function claims.
  EXPECT_TRUE(jumps(program(first + second, {{kAddress, kAddress + 8}})).empty());
}

TEST(CallSites, ABranchToTheSyscallOrToTheFirstInstructionDoesNoHarm) {
  const Code first = kMove39 + kSyscallReturn;
  for (const int target : {0, 5}) {
    const Code second = {0xeb, static_cast<std::uint8_t>(target - 10)};
    EXPECT_EQ(jumps(program(first + second, {{kAddress, kAddress + 8}, {kAddress + 8, kAddress + 10}})).size(), 1u);
  }
}

TEST(CallSites, WhatCannotRunElsewhereEndsTheSearch) {
  EXPECT_TRUE(jumps(program(kMove39 + Code{0xe8, 0, 0, 0, 0} + kSyscallReturn)).empty());   // call
  EXPECT_TRUE(jumps(program(kMove39 + Code{0xeb, 0} + kSyscallReturn)).empty());            // jmp
  EXPECT_TRUE(jumps(program(kMove39 + Code{0xe3, 0} + kSyscallReturn)).empty());            // jrcxz
  EXPECT_TRUE(jumps(program(kMove39 + Code{0xc7, 0xf8, 0, 0, 0, 0} + kSyscallReturn)).empty());  // xbegin
}

TEST(CallSites, CallsThatDoNotReturnAndSignalReturnsStay) {
  for (const std::uint8_t number : {15, 60, 231, 59}) {
    EXPECT_TRUE(jumps(program(Code{0xb8, number, 0, 0, 0} + kSyscallReturn)).empty()) << int{number};
    // Also where something comes in between.
    EXPECT_TRUE(jumps(program(Code{0xb8, number, 0, 0, 0, 0xbf, 1, 0, 0, 0} + kSyscallReturn)).empty()) << int{number};
  }
  // As unwinders know it: mov $15, %rax.
  EXPECT_TRUE(jumps(program(Code{0x48, 0xc7, 0xc0, 15, 0, 0, 0} + kSyscallReturn)).empty());
}

TEST(CallSites, AFunctionThatDoesNotDecodeIsLeftAlone) {
  EXPECT_TRUE(jumps(program(Code{0x06} + kMove39 + kSyscallReturn)).empty());
  // Nor is one whose last instruction goes on behind its end.
  EXPECT_TRUE(jumps(program(kMove39 + kSyscallReturn + Code{0xb8, 0})).empty());
}

TEST(CallSites, ASyscallWithAPrefixStays) { EXPECT_TRUE(jumps(program(kMove39 + Code{0x42} + kSyscallReturn)).empty()); }

TEST(CallSites, ASiteLiesInOnePage) {
  Code code(kPageSize - 6, 0x90);
  EXPECT_TRUE(jumps(program(code + kMove39 + kSyscallReturn)).empty());
  code.resize(kPageSize - 7, 0x90);
  EXPECT_EQ(jumps(program(code + kMove39 + kSyscallReturn)), std::vector<std::size_t>{kPageSize - 7});
}

// Decodes what the kernel wrote and compares it, step by step, with the original.
void compare(const ProgramText& text, const std::string& bytes) {
  const DirectCallTable table = table_of(bytes).take();
  std::vector<std::byte> code(table.code_size());
  ASSERT_TRUE(table.write_code(code, kCode, kText).ok());
  const auto* written = reinterpret_cast<const std::uint8_t*>(code.data());
  const auto header = table.header();
  std::vector<std::uint8_t> patched = text.bytes;
  patched.resize((patched.size() + kPageSize - 1) / kPageSize * kPageSize);
  for (std::size_t page = 0; page < patched.size(); page += kPageSize)
    table.put_jumps(page, reinterpret_cast<std::byte*>(patched.data() + page), kCode, kText);
  unsigned followed = 0;
  for (std::size_t at = 0; at < text.bytes.size(); ++at) {
    if (patched[at] == text.bytes[at]) continue;
    // The bytes that differ begin with a jump into the trampolines.
    const auto jump = decode(std::span(patched).subspan(at), kText.value() + at);
    ASSERT_TRUE(jump && jump->branches && jump->size == 5);
    std::uint64_t original = at, place = jump->target - kCode.value();
    ASSERT_LT(place, code.size());
    while (true) {
      EXPECT_EQ(table.original_place(place), original);
      const auto theirs = decode(std::span(text.bytes).subspan(original), text.address + original);
      ASSERT_TRUE(theirs);
      if (theirs->kind == Instruction::Kind::kSyscall) break;
      const auto wanted = copy_of(std::span(text.bytes).subspan(original), text.address + original);
      const auto ours = copy_of({written + place, code.size() - place}, kCode.value() + place);
      ASSERT_TRUE(wanted && ours);
      ASSERT_EQ(wanted->bytes.size(), ours->bytes.size());
      if (wanted->fixup) {
        EXPECT_EQ(ours->target - kText.value(), wanted->target - text.address);
      } else {
        EXPECT_EQ(ours->bytes, wanted->bytes);
      }
      place += ours->bytes.size();
      original += theirs->size;
    }
    // lea of what is behind the SYSCALL; then out.
    const std::uint8_t* end = written + place;
    std::int32_t distance;
    std::memcpy(&distance, end + 3, sizeof distance);
    EXPECT_EQ(kCode.value() + place + 7 + static_cast<std::uint64_t>(std::int64_t{distance}), kText.value() + original + 2);
    EXPECT_EQ(end[7], 0x65);
    ++followed;
    at += 4;
  }
  EXPECT_EQ(followed, header.sites);
}

TEST(CallSites, DistancesAreRecomputed) {
  // cmpb $0, 0x1000(%rip); je +1; xor %eax, %eax; syscall
  const Code code = Code{0x80, 0x3d, 0, 0x10, 0, 0, 0, 0x74, 2, 0x31, 0xc0} + kSyscallReturn;
  const ProgramText text = program(code);
  EXPECT_EQ(jumps(text), std::vector<std::size_t>{0});
  compare(text, direct_call_table(text));
}

TEST(CallSites, TheCLibraryOfThisMachine) {
  const auto text = ProgramText::read("/lib/x86_64-linux-gnu/libc.so.6");
  ASSERT_TRUE(text);
  EXPECT_GT(text.value().functions.size(), 1000u);
  const std::string table = direct_call_table(text.value());
  compare(text.value(), table);
  mokapot::contract::DirectCallsHeader header;
  std::memcpy(&header, table.data(), sizeof header);
  EXPECT_GT(header.sites, 300u);
}

// --- The kernel's check -------------------------------------------------------------------------------------

TEST(DirectCallTable, RefusesWhatIsNoTable) {
  const std::string good = direct_call_table(program(kMove39 + Code{0x44, 0x89, 0xe6} + kSyscallReturn));
  ASSERT_TRUE(table_of(good).ok());
  EXPECT_FALSE(table_of(good.substr(0, good.size() - 1)).ok());
  EXPECT_FALSE(table_of(good + "x").ok());
  EXPECT_FALSE(table_of(good.substr(0, 20)).ok());
  EXPECT_FALSE(table_of("").ok());
  // Whatever byte is changed: refused, or laid out without a step over any bound.
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      auto table = table_of(bad);
      if (!table.ok()) continue;
      const DirectCallTable sound = table.take();
      std::vector<std::byte> code(sound.code_size()), page(kPageSize);
      (void)sound.write_code(code, kCode, kText).ok();
      sound.put_jumps(0, page.data(), kCode, kText);
      sound.take_jumps(0, page.data(), kCode, kText);
      for (std::size_t place = 0; place < code.size(); ++place) (void)sound.original_place(place);
    }
  }
}

TEST(DirectCallTable, RefusesWhatIsTooFarAway) {
  const std::string bytes = direct_call_table(program(kMove39 + kSyscallReturn));
  const DirectCallTable table = table_of(bytes).take();
  std::vector<std::byte> code(table.code_size());
  EXPECT_TRUE(table.write_code(code, kText + (1ull << 30), kText).ok());
  EXPECT_EQ(table.write_code(code, kText + (1ull << 32), kText).error(), Errno::kERANGE);
}

TEST(DirectCallTable, LeavesBytesAloneThatAreNotTheFiles) {
  const ProgramText text = program(kMove39 + kSyscallReturn);
  const DirectCallTable table = table_of(direct_call_table(text)).take();
  std::vector<std::byte> page(kPageSize), before = page;
  table.put_jumps(0, page.data(), kCode, kText);
  EXPECT_EQ(page, before);
}

}  // namespace
}  // namespace moka
