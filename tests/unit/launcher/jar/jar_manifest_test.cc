// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jar/jar_manifest.cc launcher/support/files.cc

#include "jar/jar_manifest.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

JarManifest parse(std::string_view text) {
  Result<JarManifest> manifest = JarManifest::parse(text);
  EXPECT_TRUE(manifest) << manifest.error().message;
  return manifest ? std::move(manifest).value() : JarManifest();
}

TEST(JarManifest, JoinsContinuationLinesWithAnyLineEnd) {
  const JarManifest manifest =
      parse("Manifest-Version: 1.0\r\nMain-Class: com.exam\r\n ple.Ma\r\n in\r\n\r\n");
  EXPECT_EQ(manifest.main_class(), "com.example.Main");
  EXPECT_EQ(parse("Main-Class: a\n b\n").main_class(), "ab");
  EXPECT_EQ(parse("Main-Class: a\r b\r").main_class(), "ab");
}

TEST(JarManifest, NamesAreTheSameInAnyCase) {
  EXPECT_EQ(parse("MAIN-class: A\n").main_class(), "A");
}

TEST(JarManifest, StopsAtTheEndOfTheMainSection) {
  const JarManifest manifest = parse("Main-Class: A\n\nName: x\nMain-Class: B\n");
  EXPECT_EQ(manifest.main_class(), "A");
}

TEST(JarManifest, SplitsTheClassPath) {
  const JarManifest manifest = parse("Class-Path: lib/a.jar  lib/b.jar\n  lib/c.jar \n");
  EXPECT_EQ(manifest.class_path(),
            (std::vector<std::string>{"lib/a.jar", "lib/b.jar", "lib/c.jar"}));
}

TEST(JarManifest, KnowsMultiRelease) {
  EXPECT_TRUE(parse("Multi-Release: TRUE\n").is_multi_release());
  EXPECT_FALSE(parse("Multi-Release: yes\n").is_multi_release());
  EXPECT_FALSE(parse("").is_multi_release());
}

TEST(JarManifest, WithoutMainClassThereIsNone) {
  EXPECT_EQ(parse("Main-Class:\n").main_class(), "");
  EXPECT_EQ(parse("Manifest-Version: 1.0\n").main_class(), "");
}

TEST(JarManifest, RefusesWhatJavaRefuses) {
  EXPECT_FALSE(JarManifest::parse(" begins with a blank\n"));
  EXPECT_FALSE(JarManifest::parse("no colon here\n"));
  EXPECT_FALSE(JarManifest::parse(": no name\n"));
}

}  // namespace
}  // namespace moka
