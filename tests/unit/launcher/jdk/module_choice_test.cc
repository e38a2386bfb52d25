// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jdk/module_choice.cc launcher/jdk/jdk.cc launcher/elf/elf_closure.cc
// sources: launcher/elf/elf_file.cc launcher/elf/library_cache.cc launcher/jar/zip_reader.cc
// sources: launcher/support/command.cc launcher/support/files.cc
// sources: launcher/support/interruption.cc launcher/support/hash.cc
// libs: -lz

#include "jdk/module_choice.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

Result<std::string> ask_always(const std::string&, const std::function<Result<std::string>()>& make) {
  return make();
}

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
  const auto cautious = choose_modules(jdk, {place.path()}, {}, ModuleRule::kCautious, ask_always);
  ASSERT_TRUE(cautious);
  EXPECT_TRUE(cautious.value().modules.empty());
  EXPECT_NE(cautious.value().reason.find("jdeps"), std::string::npos);
  const auto asked = choose_modules(jdk, {place.path()}, {}, ModuleRule::kAsReferenced, ask_always);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().message.find("--runtime whole"), std::string::npos);
}

TEST(ModuleChoice, OptionsThatBringModulesNeedTheWhole) {
  test::TemporaryDirectory place;
  for (const char* tool : {"bin/jdeps", "bin/jlink", "jmods/java.base.jmod"}) place.write(tool, "");
  Jdk jdk;
  jdk.home = place.path();
  for (const char* option : {"-javaagent:x.jar", "--add-modules", "-XX:StartFlightRecording"}) {
    const auto choice = choose_modules(jdk, {place.path()}, {option}, ModuleRule::kCautious, ask_always);
    ASSERT_TRUE(choice);
    EXPECT_NE(choice.value().reason.find(option), std::string::npos);
  }
  place.write("classes/A.class", "forName");
  const auto choice =
      choose_modules(jdk, {place.path() + "/classes"}, {"-Xmx1g"}, ModuleRule::kCautious, ask_always);
  ASSERT_TRUE(choice);
  EXPECT_NE(choice.value().reason.find("by name"), std::string::npos);
}

TEST(ModuleChoice, ReferencesAreWhatLooksLikeThem) {
  std::set<std::string, std::less<>> found;
  using namespace std::string_view_literals;
  add_references("\0\7java/lang/Object\1(Ljava/util/List<La/B$C;>;I)V\2plain\3caf\xc3\xa9/X"sv, found);
  EXPECT_EQ(found, (std::set<std::string, std::less<>>{"java/lang/Object", "Ljava/util/List", "La/B$C", "caf\xc3\xa9/X"}));
}

// jdeps is a script that counts how often it is asked.
TEST(ModuleChoice, JdepsIsAskedOncePerWhatIsReferredTo) {
  test::TemporaryDirectory place;
  Jdk jdk;
  jdk.home = place.path() + "/jdk";
  place.write("jdk/bin/jlink", "");
  const std::string jdeps = place.write("jdk/bin/jdeps", "#!/bin/sh\necho x >> " + place.path() + "/asked\necho java.base,java.sql\n");
  ASSERT_EQ(0, ::chmod(jdeps.c_str(), 0755));
  place.write("jdk/jmods/java.base.jmod", "");
  place.write("jdk/jmods/java.sql.jmod", "");
  std::map<std::string, std::string> memory;
  const Memory remember = [&memory](const std::string& key, const auto& make) -> Result<std::string> {
    if (const auto known = memory.find(key); known != memory.end()) return known->second;
    return memory[key] = MOKA_TRY(make());
  };
  const auto choose = [&](const std::string& a_class, ModuleRule rule) {
    place.write("classes/A.class", a_class);
    const auto choice = choose_modules(jdk, {place.path() + "/classes"}, {}, rule, remember);
    EXPECT_TRUE(choice);
    return choice ? choice.value().modules : std::vector<std::string>();
  };
  const auto asked = [&] { return std::filesystem::file_size(place.path() + "/asked") / 2; };
  const std::vector<std::string> modules{"java.base", "java.sql"};
  EXPECT_EQ(choose("java/lang/Object 1", ModuleRule::kCautious), modules);
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(choose("java/lang/Object 2 other code", ModuleRule::kCautious), modules);
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(choose("java/lang/Object java/sql/Driver", ModuleRule::kCautious), modules);
  EXPECT_EQ(asked(), 2u);
  // Another rule is another question, and a class behind one that looks classes up counts, too.
  place.write("classes/0.class", "forName");
  EXPECT_EQ(choose("java/lang/Object java/sql/Driver", ModuleRule::kAsReferenced), modules);
  EXPECT_EQ(asked(), 3u);
  EXPECT_EQ(choose("java/lang/Object java/sql/Date", ModuleRule::kAsReferenced), modules);
  EXPECT_EQ(asked(), 4u);
  place.write("classes/B.class", "java/lang/Object");
  EXPECT_EQ(choose("java/lang/Object java/sql/Date", ModuleRule::kAsReferenced), modules);
  EXPECT_EQ(asked(), 5u);
}

}  // namespace
}  // namespace moka
