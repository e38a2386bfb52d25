// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jdk/jdk.cc launcher/elf/elf_closure.cc launcher/elf/elf_file.cc
// sources: launcher/elf/library_cache.cc launcher/support/files.cc

#include "jdk/jdk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

// This test program, as the java of a JDK: an x86-64 program for glibc.
std::string own_program() {
  std::stringstream text;
  text << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
  return text.str();
}

class JdkTest : public testing::Test {
 protected:
  std::string make_jdk(const std::string& name, const std::string& release) {
    directory_.write(name + "/bin/java", own_program());
    directory_.write(name + "/lib/server/libjvm.so", "");
    directory_.write(name + "/release", release);
    return directory_.path() + "/" + name;
  }
  static std::string error_of(const Result<Jdk>& jdk) { return jdk ? "" : jdk.error().message; }
  test::TemporaryDirectory directory_;
};

TEST(JdkVersion, ReadsReleaseFiles) {
  const std::string release = "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"17.0.15\"\nOS_ARCH=\"x86_64\"\n";
  EXPECT_EQ(release_value(release, "JAVA_VERSION"), "17.0.15");
  EXPECT_EQ(release_value(release, "VERSION"), "");
  EXPECT_EQ(feature_release_of("17.0.15"), 17u);
  EXPECT_EQ(feature_release_of("25"), 25u);
  EXPECT_EQ(feature_release_of("1.8.0_402"), 8u);
  EXPECT_EQ(feature_release_of(""), 0u);
}

TEST(JdkVersion, ComparesAsNumbers) {
  EXPECT_TRUE(is_older_version("9.0.4", "17.0.1"));
  EXPECT_TRUE(is_older_version("17.0.9", "17.0.15"));
  EXPECT_TRUE(is_older_version("1.8.0_402", "11"));
  EXPECT_FALSE(is_older_version("25", "17.0.15"));
  EXPECT_FALSE(is_older_version("17", "17"));
}

TEST_F(JdkTest, ExaminesAWholeOne) {
  const Result<Jdk> jdk = Jdk::examine(
      make_jdk("jdk", "JAVA_VERSION=\"21.0.2\"\nOS_ARCH=\"x86_64\"\nOS_NAME=\"Linux\"\n"));
  ASSERT_TRUE(jdk) << jdk.error().message;
  EXPECT_EQ(jdk.value().feature_release, 21u);
  EXPECT_EQ(jdk.value().libc, LibcKind::kGlibc);
}

TEST_F(JdkTest, ResolvesLinks) {
  const std::string real = make_jdk("jdk", "JAVA_VERSION=\"21\"\n");
  std::filesystem::create_symlink("jdk", directory_.path() + "/default");
  EXPECT_EQ(Jdk::examine(directory_.path() + "/default").value().home, real);
}

TEST_F(JdkTest, SaysWhatIsWrong) {
  EXPECT_NE(error_of(Jdk::examine(directory_.path() + "/absent")).find("no such directory"),
            std::string::npos);
  EXPECT_NE(error_of(Jdk::examine(directory_.path())).find("no bin/java"), std::string::npos);
  EXPECT_NE(error_of(Jdk::examine(make_jdk("arm", "OS_ARCH=\"aarch64\"\n")))
                .find("another machine (aarch64)"),
            std::string::npos);
  EXPECT_NE(error_of(Jdk::examine(make_jdk("windows", "OS_NAME=\"Windows\"\n"))).find("Windows"),
            std::string::npos);
  const std::string lame = make_jdk("lame", "");
  std::filesystem::remove_all(lame + "/lib");
  EXPECT_NE(error_of(Jdk::examine(lame)).find("no libjvm.so"), std::string::npos);
}

TEST_F(JdkTest, WhatWasAskedForIsNotReplaced) {
  const std::string good = make_jdk("good", "JAVA_VERSION=\"21\"\n");
  EXPECT_EQ(find_jdk(good, "/nowhere").value().home, good);
  EXPECT_EQ(find_jdk("", good).value().home, good);
  EXPECT_FALSE(find_jdk("/nowhere", good));
  EXPECT_NE(error_of(find_jdk("", "/nowhere")).find("JAVA_HOME"), std::string::npos);
}

}  // namespace
}  // namespace moka
