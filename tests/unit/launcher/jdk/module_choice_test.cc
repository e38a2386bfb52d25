// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jdk/module_choice.cc launcher/jdk/jdk.cc launcher/elf/elf_closure.cc
// sources: launcher/elf/elf_file.cc launcher/elf/library_cache.cc launcher/jar/zip_reader.cc
// sources: launcher/support/command.cc launcher/support/files.cc
// sources: launcher/support/interruption.cc
// libs: -lz

#include "jdk/module_choice.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

TEST(ModuleChoice, WordsInAClassTellOfLookUpsAndProviders) {
  EXPECT_FALSE(words_in_class("java/lang/Object println").looks_up);
  EXPECT_TRUE(words_in_class("java/lang/Class forName").looks_up);
  EXPECT_TRUE(words_in_class("java/util/ServiceLoader").looks_up);
  EXPECT_EQ(words_in_class("java/util/Locale javax/net/ssl/SSLContext").modules,
            (std::vector<std::string>{"jdk.localedata", "jdk.crypto.ec"}));
}

// A JDK without tools, as a JRE is.
TEST(ModuleChoice, WithoutJlinkTheWholeIsTakenOrSaysWhatIsMissing) {
  test::TemporaryDirectory place;
  Jdk jdk;
  jdk.home = place.path();
  const auto cautious = choose_modules(jdk, {place.path()}, {}, ModuleRule::kCautious);
  ASSERT_TRUE(cautious);
  EXPECT_TRUE(cautious.value().modules.empty());
  EXPECT_NE(cautious.value().reason.find("jdeps"), std::string::npos);
  const auto asked = choose_modules(jdk, {place.path()}, {}, ModuleRule::kAsReferenced);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().message.find("--runtime whole"), std::string::npos);
}

TEST(ModuleChoice, OptionsThatBringModulesNeedTheWhole) {
  test::TemporaryDirectory place;
  for (const char* tool : {"bin/jdeps", "bin/jlink", "jmods/java.base.jmod"}) place.write(tool, "");
  Jdk jdk;
  jdk.home = place.path();
  for (const char* option : {"-javaagent:x.jar", "--add-modules", "-XX:StartFlightRecording"}) {
    const auto choice = choose_modules(jdk, {place.path()}, {option}, ModuleRule::kCautious);
    ASSERT_TRUE(choice);
    EXPECT_NE(choice.value().reason.find(option), std::string::npos);
  }
  place.write("classes/A.class", "forName");
  const auto choice =
      choose_modules(jdk, {place.path() + "/classes"}, {"-Xmx1g"}, ModuleRule::kCautious);
  ASSERT_TRUE(choice);
  EXPECT_NE(choice.value().reason.find("by name"), std::string::npos);
}

}  // namespace
}  // namespace moka
