// SPDX-License-Identifier: Apache-2.0
//
#include "base/number.h"

#include <gtest/gtest.h>

namespace mokapot {
namespace {

TEST(ParseDecimal, TakesDigitsOnly) {
  EXPECT_EQ(parse_decimal("0"), 0u);
  EXPECT_EQ(parse_decimal("007"), 7u);
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "0x1", "1a"}) EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
}

TEST(ParseDecimal, HoldsSixtyFourBits) {
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_decimal("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_decimal("99999999999999999999"), std::nullopt);
}

}  // namespace
}  // namespace mokapot
