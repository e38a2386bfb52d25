// SPDX-License-Identifier: Apache-2.0
// sources: kernel/exec/initial_stack.cc kernel/vm/user_access.cc
//
// The stack that a program finds, read back as a C library's start code reads it.

#include "exec/initial_stack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "device/random.h"
#include "exec/program.h"
#include "fakes/memory_copy.h"

namespace mokapot {

void random_bytes(void* to, std::size_t size) { std::memset(to, 0x5a, size); }

namespace {

class InitialStackTest : public testing::Test {
 protected:
  ~InitialStackTest() override { fake::clear_faulting_ranges(); }

  VirtAddr top() const { return VirtAddr(memory_.data() + memory_.size()); }
  Result<void> write() {
    return stack_.write({.path = "/usr/bin/java", .arguments = arguments_, .environment = environment_, .hostname = {}});
  }
  static const char* text(std::uint64_t address) { return VirtAddr(address).as<const char>(); }

  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(64 << 10, 0xcc);
  std::vector<std::string_view> arguments_ = {"java", "-jar", "", "app.jar"};
  std::vector<std::string_view> environment_ = {"PATH=/bin", "EMPTY="};
  InitialStack stack_{top()};
};

TEST_F(InitialStackTest, ArgumentsEnvironmentAndAuxiliaryVectorFollowEachOther) {
  stack_.add(AuxiliaryKey::kPageBytes, 4096);
  stack_.add(AuxiliaryKey::kEntry, 0x1234);
  ASSERT_TRUE(write().ok());
  EXPECT_EQ(stack_.stack_pointer.value() % 16, 0u);
  const auto* word = stack_.stack_pointer.as<const std::uint64_t>();
  ASSERT_EQ(*word++, arguments_.size());
  for (const std::string_view argument : arguments_) EXPECT_EQ(text(*word++), argument);
  EXPECT_EQ(*word++, 0u);
  for (const std::string_view variable : environment_) EXPECT_EQ(text(*word++), variable);
  EXPECT_EQ(*word++, 0u);

  std::map<AuxiliaryKey, std::uint64_t> auxiliary;
  for (; word[0] != 0; word += 2) auxiliary[static_cast<AuxiliaryKey>(word[0])] = word[1];
  EXPECT_EQ(auxiliary[AuxiliaryKey::kPageBytes], 4096u);
  EXPECT_EQ(auxiliary[AuxiliaryKey::kEntry], 0x1234u);
  EXPECT_STREQ(text(auxiliary[AuxiliaryKey::kExecutableName]), "/usr/bin/java");
  EXPECT_STREQ(text(auxiliary[AuxiliaryKey::kPlatform]), "x86_64");
  const std::vector<char> random(16, 0x5a);
  EXPECT_EQ(std::memcmp(text(auxiliary[AuxiliaryKey::kRandom]), random.data(), 16), 0);
}

// /proc/self/cmdline and environ are these ranges as they stand.
TEST_F(InitialStackTest, StringsLieInOrderWithNothingBetween) {
  ASSERT_TRUE(write().ok());
  const auto range = [](VirtAddr begin, VirtAddr end) { return std::string(begin.as<const char>(), end - begin); };
  EXPECT_EQ(range(stack_.argument_begin, stack_.argument_end), std::string("java\0-jar\0\0app.jar\0", 19));
  EXPECT_EQ(range(stack_.environment_begin, stack_.environment_end), std::string("PATH=/bin\0EMPTY=\0", 17));
  EXPECT_EQ(stack_.argument_end, stack_.environment_begin);
}

TEST_F(InitialStackTest, TheStackIsAlignedWhateverTheNumberOfWords) {
  for (int i = 0; i < 4; ++i) {
    environment_.push_back("X=Y");
    InitialStack stack(top());
    ASSERT_TRUE(stack.write({.path = "/p", .arguments = arguments_, .environment = environment_, .hostname = {}}).ok());
    EXPECT_EQ(stack.stack_pointer.value() % 16, 0u) << i;
  }
}

TEST_F(InitialStackTest, MoreThanLinuxTakesIsRefused) {
  const std::string huge(6 << 20, 'x');
  arguments_.push_back(huge);
  const Result<void> result = write();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), Errno::kE2BIG);
}

TEST_F(InitialStackTest, AStackThatCannotBeWrittenIsAnError) {
  fake::make_range_fault(memory_.data(), memory_.size() - 64);
  const Result<void> result = write();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), Errno::kEFAULT);
}

}  // namespace
}  // namespace mokapot
