// SPDX-License-Identifier: Apache-2.0
// sources: kernel/vm/user_access.cc
//
// Ranges of the application's half, and transfers that a fault cuts short. Host memory stands in for the
// application's; the ends of its half are looked at without being touched.

#include "vm/user_access.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "fakes/memory_copy.h"
#include "vm/protection.h"

namespace mokapot {
namespace {

class UserAccess : public testing::Test {
 protected:
  void TearDown() override { fake::clear_faulting_ranges(); }
};

TEST_F(UserAccess, TheApplicationsHalfEndsWhereItEnds) {
  EXPECT_TRUE(is_application_range(VirtAddr(std::uint64_t{0}), 0));
  EXPECT_TRUE(is_application_range(VirtAddr(std::uint64_t{0}), kApplicationEnd));
  EXPECT_FALSE(is_application_range(VirtAddr(std::uint64_t{0}), kApplicationEnd + 1));
  EXPECT_TRUE(is_application_range(VirtAddr(kApplicationEnd - 1), 1));
  EXPECT_FALSE(is_application_range(VirtAddr(kApplicationEnd - 1), 2));
  EXPECT_TRUE(is_application_range(VirtAddr(kApplicationEnd), 0));
  EXPECT_FALSE(is_application_range(VirtAddr(kApplicationEnd), 1));
  EXPECT_FALSE(is_application_range(VirtAddr(0xffff'8000'0000'0000), 0));
  // A length that wraps around must not come back into the half.
  EXPECT_FALSE(is_application_range(VirtAddr(0x1000), ~std::uint64_t{0}));
  EXPECT_FALSE(is_application_range(VirtAddr(~std::uint64_t{0}), 2));
}

TEST_F(UserAccess, KernelAddressesAreNeverTouched) {
  // They would work: a fault here would be a crash of the test.
  std::uint64_t value = 7;
  const VirtAddr kernel(0xffff'8000'0000'1000);
  EXPECT_EQ(copy_from_application(&value, kernel, sizeof value).error(), Errno::kEFAULT);
  EXPECT_EQ(copy_to_application(kernel, &value, sizeof value).error(), Errno::kEFAULT);
  EXPECT_EQ(clear_application(kernel, sizeof value).error(), Errno::kEFAULT);
  EXPECT_EQ(read_application<std::uint64_t>(kernel).error(), Errno::kEFAULT);
  EXPECT_EQ(IoBuffer::from_application(kernel, 1).error(), Errno::kEFAULT);
  char text[4];
  EXPECT_EQ(copy_string_from_application(text, kernel, sizeof text).error(), Errno::kEFAULT);
  EXPECT_EQ(value, 7u);
}

TEST_F(UserAccess, CopiesThereAndBack) {
  const std::array<int, 3> source{1, 2, 3};
  std::array<int, 3> target{};
  ASSERT_TRUE(copy_from_application(target.data(), VirtAddr(source.data()), sizeof source).ok());
  EXPECT_EQ(target, source);
  ASSERT_TRUE(write_application(VirtAddr(&target[1]), 9).ok());
  EXPECT_EQ(read_application<int>(VirtAddr(&target[1])).value(), 9);
  ASSERT_TRUE(clear_application(VirtAddr(target.data()), sizeof target).ok());
  EXPECT_EQ(target, (std::array<int, 3>{}));
}

TEST_F(UserAccess, AFaultIsAnError) {
  int value = 5;
  fake::make_range_fault(&value, 1);
  EXPECT_EQ(read_application<int>(VirtAddr(&value)).error(), Errno::kEFAULT);
  EXPECT_EQ(write_application(VirtAddr(&value), 6).error(), Errno::kEFAULT);
  EXPECT_EQ(clear_application(VirtAddr(&value), sizeof value).error(), Errno::kEFAULT);
  EXPECT_EQ(value, 5);
}

TEST_F(UserAccess, StringsEndWithNul) {
  char text[8];
  EXPECT_EQ(copy_string_from_application(text, VirtAddr("moka"), sizeof text).value(), 4u);
  EXPECT_STREQ(text, "moka");
  EXPECT_EQ(copy_string_from_application(text, VirtAddr("moka"), 5).value(), 4u);
  EXPECT_EQ(copy_string_from_application(text, VirtAddr("moka"), 4).error(), Errno::kENAMETOOLONG);
  EXPECT_EQ(copy_string_from_application(text, VirtAddr(""), 1).value(), 0u);
}

TEST_F(UserAccess, AStringMayEndBeforeMemoryDoes) {
  char memory[8] = {'o', 'k', '\0', 'x', 'x', 'x', 'x', 'x'};
  char text[8];
  fake::make_range_fault(memory + 3, 5);
  EXPECT_EQ(copy_string_from_application(text, VirtAddr(memory), sizeof text).value(), 2u);
  memory[2] = 'x';
  EXPECT_EQ(copy_string_from_application(text, VirtAddr(memory), sizeof text).error(), Errno::kEFAULT);
}

class IoBufferTest : public UserAccess {
 protected:
  // Three pieces, one of them empty: "....", "", "..".
  std::byte first_[4]{}, last_[2]{};
  const std::array<IoSegment, 3> segments_{{{first_, 4}, {nullptr, 0}, {last_, 2}}};
  static std::string text_of(const std::byte* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
};

TEST_F(IoBufferTest, GoesOnFromPieceToPiece) {
  IoBuffer buffer{std::span<const IoSegment>(segments_)};
  EXPECT_EQ(buffer.remaining(), 6u);
  EXPECT_EQ(buffer.copy_in("abc", 3).value(), 3u);
  EXPECT_EQ(buffer.copy_in("defgh", 5).value(), 3u);  // no more room than that
  EXPECT_EQ(buffer.remaining(), 0u);
  EXPECT_EQ(buffer.copy_in("z", 1).value(), 0u);
  EXPECT_EQ(text_of(first_, 4) + text_of(last_, 2), "abcdef");

  IoBuffer back{std::span<const IoSegment>(segments_)};
  char text[6];
  EXPECT_EQ(back.copy_out(text, 5).value(), 5u);
  EXPECT_EQ(back.copy_out(text + 5, 1).value(), 1u);
  EXPECT_EQ(std::string(text, 6), "abcdef");
}

TEST_F(IoBufferTest, ClearsAcrossPieces) {
  std::memset(first_, 'x', 4);
  std::memset(last_, 'x', 2);
  IoBuffer buffer{std::span<const IoSegment>(segments_)};
  EXPECT_EQ(buffer.copy_in("a", 1).value(), 1u);
  EXPECT_EQ(buffer.clear(4).value(), 4u);
  EXPECT_EQ(text_of(first_, 4) + text_of(last_, 2), std::string("a\0\0\0\0x", 6));
}

TEST_F(IoBufferTest, AFaultReportsWhatWasMovedBeforeIt) {
  fake::make_range_fault(last_ + 1, 1);
  IoBuffer buffer{std::span<const IoSegment>(segments_)};
  EXPECT_EQ(buffer.copy_in("abcdef", 6).value(), 5u);
  EXPECT_EQ(buffer.remaining(), 1u);
  EXPECT_EQ(buffer.copy_in("f", 1).error(), Errno::kEFAULT);  // nothing before it this time
  EXPECT_EQ(buffer.remaining(), 1u);
}

TEST_F(IoBufferTest, NothingWantedIsNothingMoved) {
  IoBuffer empty{std::span<const IoSegment>()};
  EXPECT_EQ(empty.remaining(), 0u);
  EXPECT_EQ(empty.copy_in("a", 1).value(), 0u);
  char byte = 'b';
  IoBuffer one(&byte, 1);
  EXPECT_EQ(one.copy_out(&byte, 0).value(), 0u);
  EXPECT_EQ(one.remaining(), 1u);
}

}  // namespace
}  // namespace mokapot
