// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/output_format.cc

#include "cli/output_format.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

using Words = std::vector<std::string>;

TEST(OutputFormat, IsTakenOutOfTheWords) {
  Words words{"a", "--output", "json", "b"};
  EXPECT_EQ(take_output_format(words).value(), "json");
  EXPECT_EQ(words, (Words{"a", "b"}));
  words = {"--output=json", "--output=text"};
  EXPECT_EQ(take_output_format(words).value(), "text");
  EXPECT_TRUE(words.empty());
  words = {"a"};
  EXPECT_EQ(take_output_format(words).value(), "text");
}

TEST(OutputFormat, RefusesOthers) {
  for (Words words : {Words{"--output"}, Words{"--output", "xml"}, Words{"--output="}})
    EXPECT_FALSE(take_output_format(words));
}

}  // namespace
}  // namespace moka
