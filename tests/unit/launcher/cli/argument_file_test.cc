// SPDX-License-Identifier: Apache-2.0
//
// Expected words were taken from `java @file` of JDK 17, except where noted.
//
// sources: launcher/cli/argument_file.cc launcher/support/files.cc

#include "cli/argument_file.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

using Words = std::vector<std::string>;

TEST(ArgumentFile, SplitsAtBlanksAndLines) {
  EXPECT_EQ(parse_argument_file("a  b\tc\fd\r\ne\n"), (Words{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(parse_argument_file(""), Words{});
}

TEST(ArgumentFile, QuotesKeepBlanksAndJoinTheirNeighbours) {
  EXPECT_EQ(parse_argument_file("a\"b c\"d 'e f'"), (Words{"ab cd", "e f"}));
  EXPECT_EQ(parse_argument_file("a \"\" b"), (Words{"a", "", "b"}));
  EXPECT_EQ(parse_argument_file("\"it's\" '\"'"), (Words{"it's", "\""}));
}

TEST(ArgumentFile, EscapesWorkInQuotesOnly) {
  EXPECT_EQ(parse_argument_file("\"a\\tb\\n\\\\\" c:\\d"), (Words{"a\tb\n\\", "c:\\d"}));
  EXPECT_EQ(parse_argument_file("\"a\\101\""), (Words{"a101"}));
}

TEST(ArgumentFile, ABackslashJoinsLinesWithoutIndentation) {
  EXPECT_EQ(parse_argument_file("\"a\\\r\n   b\" c"), (Words{"ab", "c"}));
  EXPECT_EQ(parse_argument_file("\"x\\\n  \"y"), (Words{"xy"}));
}

TEST(ArgumentFile, ALineEndEndsAQuotedWord) {
  EXPECT_EQ(parse_argument_file("\"unterminated x\n y"), (Words{"unterminated x", "y"}));
}

TEST(ArgumentFile, CommentsRunToTheEndOfTheLine) {
  EXPECT_EQ(parse_argument_file("a # b c\nd"), (Words{"a", "d"}));
  EXPECT_EQ(parse_argument_file("# all\n# of it\n"), Words{});
  EXPECT_EQ(parse_argument_file("'#' \"a#b\""), (Words{"#", "a#b"}));
}

TEST(ArgumentFile, ACommentInsideAWordDropsItsTailAndGoesOnBehind) {
  EXPECT_EQ(parse_argument_file("abc#def ghi\nx y"), (Words{"x", "y"}));
  EXPECT_EQ(parse_argument_file("\"abc\"#def\nx"), (Words{"abcx"}));
  EXPECT_EQ(parse_argument_file("a\"b\"c#d e\nx"), (Words{"abx"}));
}

}  // namespace
}  // namespace moka
