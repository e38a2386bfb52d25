// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/java_options.cc launcher/elf/elf_file.cc launcher/jar/class_path.cc
// sources: launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc launcher/support/files.cc
// libs: -lz

#include "cli/java_options.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

using Words = std::vector<std::string>;

TEST(JavaOptions, FindsTheFilesThatOptionsName) {
  test::TemporaryDirectory directory;
  const std::string agent = directory.write("agent.jar", "");
  const std::string native = directory.write("libagent.so", "");
  const std::string module = directory.write("mods/m.jar", "");
  const std::string archive = directory.write("app.jsa", "");
  const std::string settings = directory.write("log.properties", "");
  const NamedFiles named =
      files_named_by({"-javaagent:" + agent + "=opt=1", "-agentpath:" + native, "--module-path",
                      directory.path() + "/mods", "-p", module, "-XX:SharedArchiveFile=" + archive,
                      "-Dconfig=" + settings, "-Durl=file:" + settings, "-Ddir=" + directory.path(),
                      "-Dplain=value"});
  EXPECT_EQ(named.jars, (Words{agent}));
  EXPECT_EQ(named.libraries, (Words{native}));
  EXPECT_EQ(named.trees, (Words{directory.path() + "/mods"}));
  EXPECT_EQ(named.files, (Words{module, archive, settings, settings}));
}

TEST(JavaOptions, TakesNativeLibrariesFromTheLibraryPath) {
  test::TemporaryDirectory directory;
  const std::string library = directory.write("lib/libx.so", "\177ELF and so on");
  directory.write("lib/readme.txt", "text");
  const NamedFiles named =
      files_named_by({"-Djava.library.path=" + directory.path() + "/lib:/no/such"});
  EXPECT_EQ(named.loadable, (Words{library}));
  EXPECT_TRUE(named.libraries.empty());
}

TEST(JavaOptions, KnowsWhichOptionsTakeTheNextWord) {
  EXPECT_TRUE(takes_next_word("--add-opens"));
  EXPECT_FALSE(takes_next_word("--add-opens=a/b=c"));
  EXPECT_FALSE(takes_next_word("-Xmx1g"));
}

}  // namespace
}  // namespace moka
