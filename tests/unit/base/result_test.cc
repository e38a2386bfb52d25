// SPDX-License-Identifier: Apache-2.0
//
// Errors as values: words, which are returned in registers, and what has to be moved and destroyed.

#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

#include "base/types.h"

namespace mokapot {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Errno::kEINVAL;
  return number / 2;
}

Result<std::string> text_of_quarter(int number) {
  const int quarter = TRY(half(TRY(half(number))));
  return std::string(40, 'x') + std::to_string(quarter);
}

TEST(ResultTest, AWordAndItsErrorAreReturnedInRegisters) {
  static_assert(std::is_trivially_copyable_v<Result<std::int64_t>> && sizeof(Result<std::int64_t>) == 16);
  static_assert(std::is_trivially_copyable_v<Result<VirtAddr>>);
  static_assert(std::is_trivially_copyable_v<Result<char*>>);
  static_assert(!std::is_trivially_copyable_v<Result<std::string>>);
}

TEST(ResultTest, AValueOrAnError) {
  EXPECT_TRUE(half(4).ok());
  EXPECT_EQ(half(4).value(), 2);
  EXPECT_FALSE(half(3).ok());
  EXPECT_EQ(half(3).error(), Errno::kEINVAL);
  EXPECT_EQ(half(3).value_or(7), 7);
  // A value that looks like an error, and nothing at all, are values.
  EXPECT_EQ(half(-28).value(), -14);
  EXPECT_EQ(half(0).value(), 0);
}

TEST(ResultTest, TryPassesErrorsOn) {
  EXPECT_EQ(text_of_quarter(12).value(), std::string(40, 'x') + "3");
  EXPECT_EQ(text_of_quarter(6).error(), Errno::kEINVAL);
  EXPECT_EQ(text_of_quarter(5).error(), Errno::kEINVAL);
}

TEST(ResultTest, WhatItHoldsIsMovedAndDestroyedOnce) {
  const auto shared = std::make_shared<int>(1);
  {
    Result<std::shared_ptr<int>> first = std::shared_ptr<int>(shared);
    Result<std::shared_ptr<int>> second = std::move(first);
    EXPECT_EQ(shared.use_count(), 2);
    second = Result<std::shared_ptr<int>>(Errno::kENOENT);
    EXPECT_EQ(shared.use_count(), 1);
    EXPECT_EQ(second.error(), Errno::kENOENT);
    second = Result<std::shared_ptr<int>>(std::shared_ptr<int>(shared));
    EXPECT_EQ(shared.use_count(), 2);
    EXPECT_EQ(*second.take(), 1);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(ResultTest, NoValueIsFineToo) {
  EXPECT_TRUE(Result<void>().ok());
  EXPECT_EQ(Result<void>(Errno::kEIO).error(), Errno::kEIO);
}

}  // namespace
}  // namespace mokapot
