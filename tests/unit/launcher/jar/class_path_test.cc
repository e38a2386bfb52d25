// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jar/class_path.cc launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc
// sources: launcher/support/files.cc
// libs: -lz

#include "jar/class_path.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"
#include "launcher/zip_builder.h"

namespace moka {
namespace {

using test::class_file;
using test::TemporaryDirectory;
using test::ZipBuilder;

std::string jar_with(const std::string& manifest) {
  return ZipBuilder().add("META-INF/MANIFEST.MF", manifest).build();
}

TEST(ClassPathClosure, FollowsManifestsOnceEach) {
  TemporaryDirectory directory;
  const std::string app = directory.write(
      "app.jar", jar_with("Class-Path: lib/a.jar absent.jar classes/ http://x/y.jar\n"));
  const std::string a =
      directory.write("lib/a.jar", jar_with("Class-Path: b%20c.jar ../app.jar\n"));
  const std::string b = directory.write("lib/b c.jar", jar_with(""));
  directory.write("classes/X.class", "");
  ClassPathClosure closure;
  closure.add(app);
  EXPECT_EQ(closure.paths(), (std::vector<std::string>{app, a, b, directory.path() + "/classes"}));
}

TEST(ClassPathClosure, ExpandsWildcardsAsJavaDoes) {
  TemporaryDirectory directory;
  const std::string one = directory.write("lib/one.jar", jar_with(""));
  const std::string two = directory.write("lib/two.JAR", jar_with(""));
  directory.write("lib/three.zip", jar_with(""));
  directory.write("lib/sub/four.jar", jar_with(""));
  ClassPathClosure closure;
  closure.add_list(directory.path() + "/lib/*:" + directory.path() + "/none.jar");
  EXPECT_EQ(closure.paths(), (std::vector<std::string>{one, two}));
}

TEST(ResolveClassPathWord, KnowsFileUrlsAndRelativeOnes) {
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "lib/x.jar"), "/a/b/lib/x.jar");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "../x.jar"), "/a/x.jar");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "/x%2By.jar"), "/x+y.jar");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "file:/x.jar"), "/x.jar");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "file:///x.jar"), "/x.jar");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "file://elsewhere/x.jar"), "");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "https://x/y.jar"), "");
  EXPECT_EQ(resolve_class_path_word("/a/b/app.jar", "a%00b"), "");
}

TEST(ClassMajorVersion, TakesTheVersionedClassThatTheJdkWouldLoad) {
  TemporaryDirectory directory;
  const std::string path =
      directory.write("m.jar", ZipBuilder()
                                   .add("META-INF/MANIFEST.MF", "Multi-Release: true\n")
                                   .add("p/Main.class", class_file(52))
                                   .add("META-INF/versions/21/p/Main.class", class_file(65))
                                   .build());
  const Result<Jar> jar = open_jar(path);
  ASSERT_TRUE(jar);
  EXPECT_EQ(class_major_version(jar.value(), "p.Main", 17), 52u);
  EXPECT_EQ(class_major_version(jar.value(), "p.Main", 25), 65u);
  EXPECT_EQ(class_major_version(jar.value(), "p.Other", 25), 0u);
}

TEST(ClassMajorVersion, ReadsDirectories) {
  TemporaryDirectory directory;
  directory.write("p/Main.class", class_file(69));
  directory.write("p/Text.class", "no class file");
  EXPECT_EQ(class_major_version(directory.path(), "p.Main"), 69u);
  EXPECT_EQ(class_major_version(directory.path(), "p.Text"), 0u);
}

}  // namespace
}  // namespace moka
