// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/environment_file.cc launcher/support/files.cc

#include "cli/environment_file.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace moka {
namespace {

using Words = std::vector<std::string>;

Words parse(std::string_view text) {
  const Result<Words> words = parse_environment_file(text, "env");
  EXPECT_TRUE(words) << words.error().message;
  return words ? words.value() : Words();
}

std::string error_of(std::string_view text) {
  const Result<Words> words = parse_environment_file(text, "env");
  return words ? "" : words.error().message;
}

TEST(EnvironmentFile, TakesValuesAsTheyStand) {
  EXPECT_EQ(parse("A=1\nB = two words  \nC=\n# comment\n\n  D=x#y $A \\n\r\nexport E=\"\"\nF=last"),
            (Words{"A=1", "B=two words", "C=", "D=x#y $A \\n", "E=", "F=last"}));
}

TEST(EnvironmentFile, QuotesKeepBlanksAndLines) {
  EXPECT_EQ(parse("A=' x \\n '  # why\nB=\"a\\tb\\\"c\\\\d\\$e\\z\"\nC='one\ntwo'\nD=1"),
            (Words{"A= x \\n ", "B=a\tb\"c\\d$e\\z", "C=one\ntwo", "D=1"}));
}

TEST(EnvironmentFile, ANameAlonePassesOnTheHosts) {
  ::setenv("MOKA_HOST_VALUE", "here", 1);
  ::unsetenv("MOKA_NO_VALUE");
  EXPECT_EQ(parse("MOKA_HOST_VALUE\nMOKA_NO_VALUE\n"), Words{"MOKA_HOST_VALUE=here"});
}

TEST(EnvironmentFile, ErrorsNameTheLine) {
  EXPECT_TRUE(error_of("A=1\n=2\n").starts_with("env:2: "));
  EXPECT_TRUE(error_of("A=1\n\nB C=2\n").starts_with("env:3: "));
  EXPECT_TRUE(error_of("A='x\ny'\nB=\"open\nand on\n").starts_with("env:3: a quote"));
  EXPECT_TRUE(error_of("A='x' y\n").starts_with("env:1: "));
  EXPECT_TRUE(error_of(std::string_view("A=1\nB=\0\n", 9)).starts_with("env:2: "));
  EXPECT_TRUE(error_of(std::string_view("A='\n\0'\n", 7)).starts_with("env:2: "));
}

TEST(EnvironmentFile, AMissingFileIsSaid) {
  const Result<Words> words = read_environment_file("/no/such/file");
  ASSERT_FALSE(words);
  EXPECT_EQ(words.error().message,
            "--env-file: cannot read /no/such/file: No such file or directory");
}

}  // namespace
}  // namespace moka
