// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/build/build_options.cc launcher/build/training_wish.cc launcher/disk/image_format.cc
// sources: launcher/cli/run_options.cc launcher/cli/argument_file.cc launcher/cli/java_options.cc
// sources: launcher/cli/environment_file.cc launcher/guest/host_folder.cc
// sources: launcher/net/ip_address.cc launcher/net/network_options.cc
// sources: launcher/elf/elf_file.cc launcher/guest/memory_plan.cc launcher/jar/class_path.cc
// sources: launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc launcher/support/files.cc
// sources: launcher/registry/vm_name.cc
// libs: -lz

#include "build/build_options.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

using Words = std::vector<std::string>;

TEST(BuildOptions, MayStandBeforeAndBehindTheProgram) {
  for (const Words& words : {Words{"-o", "/x/a.qcow2", "-m", "512", "app.jar"},
                             Words{"-m", "512", "app.jar", "-o", "/x/a.qcow2"}}) {
    const auto options = parse_build_options(words);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(options.value().run.name, "app.jar");
    EXPECT_EQ(options.value().run.memory_mib, 512u);
    EXPECT_EQ(options.value().output, "/x/a.qcow2");
    EXPECT_EQ(options.value().format, ImageFormat::kQcow2);
    EXPECT_TRUE(options.value().run.arguments.empty());
  }
}

TEST(BuildOptions, ArgumentsOfTheProgramAreItsOwn) {
  const auto options =
      parse_build_options({"app.jar", "-v", "-o", "a.img", "--", "-o", "--format", "x"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options.value().run.arguments, (Words{"-v", "-o", "--format", "x"}));
  EXPECT_FALSE(options.value().run.is_verbose);
}

TEST(BuildOptions, AValueIsNoOption) {
  const auto options = parse_build_options(
      {"-J", "-o", "-cp", "--format", "Main", "-o", "a.img", "--runtime=whole"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options.value().run.jvm_options, Words{"-o"});
  EXPECT_EQ(options.value().run.class_path, "--format");
  EXPECT_EQ(options.value().run.name, "Main");
  EXPECT_EQ(options.value().runtime, RuntimeChoice::kWhole);
}

TEST(BuildOptions, FormatsFollowNamesUnlessTheyAreSaid) {
  const auto format = [](const std::string& wish, const std::string& name) {
    const auto chosen = choose_format(wish, name);
    return chosen ? static_cast<int>(chosen.value()) : -1;
  };
  EXPECT_EQ(format("", "a.qcow2"), static_cast<int>(ImageFormat::kQcow2));
  EXPECT_EQ(format("", "a.img"), static_cast<int>(ImageFormat::kRaw));
  EXPECT_EQ(format("", "a.raw"), static_cast<int>(ImageFormat::kRaw));
  EXPECT_EQ(format("", "folder"), static_cast<int>(ImageFormat::kPair));
  EXPECT_EQ(format("", "/tmp"), static_cast<int>(ImageFormat::kPair));
  EXPECT_EQ(format("", "v1.2/"), static_cast<int>(ImageFormat::kPair));
  EXPECT_EQ(format("raw", "a.qcow2"), static_cast<int>(ImageFormat::kRaw));
  EXPECT_EQ(format("", "a.iso"), -1);
  EXPECT_EQ(format("iso", "a.img"), -1);
  EXPECT_NE(choose_format("iso", "a").error().message.find("raw, qcow2, pair and gce"),
            std::string::npos);
  EXPECT_NE(choose_format("", "a.vmdk").error().message.find("AHCI"), std::string::npos);
}

TEST(BuildOptions, WhatCannotBeIsRefusedWithAdvice) {
  const auto message = [](const Words& words) {
    const auto options = parse_build_options(words);
    return options ? std::string() : options.error().message;
  };
  EXPECT_NE(message({"app.jar"}).find("-o"), std::string::npos);
  EXPECT_NE(message({"app.jar", "-o"}).find("value"), std::string::npos);
  EXPECT_NE(message({"app.jar", "-o", "a.img", "--runtime", "half"}).find("trimmed"),
            std::string::npos);
  for (const Words& words : {Words{"--mount", "/tmp:/x"}, Words{"--net", "none"}, Words{"-c", "2"},
                             Words{"--gdb"}, Words{"--machine", "pc"}, Words{"--mtu", "1400"}}) {
    Words all = words;
    all.insert(all.end(), {"app.jar", "-o", "a.img"});
    EXPECT_NE(message(all).find("moka run IMAGE"), std::string::npos) << words.front();
  }
}

}  // namespace
}  // namespace moka
