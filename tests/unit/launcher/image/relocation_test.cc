// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/image/relocation.cc launcher/image/tree_plan.cc launcher/support/files.cc
// sources: launcher/support/hash.cc

#include "image/relocation.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "launcher/temporary_directory.h"
#include "support/files.h"

namespace moka {
namespace {

TreePlan plan_of(const ApplicationFiles& files) {
  TreePlan plan;
  for (const std::string& file : files.files) plan.add(file);
  for (const std::string& tree : files.trees)
    plan.add_tree(tree, [](const std::string&) { return false; });
  return plan;
}

TEST(Relocation, TheDeepestCommonFolderBecomesApp) {
  test::TemporaryDirectory place;
  ApplicationFiles files;
  files.files = {place.write("deep/target/app.jar", "a"),
                 place.write("deep/target/lib/dep.jar", "b")};
  const TreePlan plan = plan_of(files);
  const Relocation relocation(plan, files);
  EXPECT_EQ(relocation.path(files.files[0]), "/app/app.jar");
  EXPECT_EQ(relocation.path(files.files[1]), "/app/lib/dep.jar");
  EXPECT_EQ(relocation.path_list(files.files[0] + ":" + place.path() + "/deep/target/lib/*"),
            "/app/app.jar:/app/lib/*");
  EXPECT_EQ(relocation.path("/usr/bin/env"), "/usr/bin/env");
  const TreePlan moved = relocation.apply(plan);
  EXPECT_TRUE(moved.contains("/app/app.jar"));
  EXPECT_TRUE(moved.contains("/app/lib/dep.jar"));
  EXPECT_FALSE(moved.contains(place.path()));
}

TEST(Relocation, DoesNotDependOnThePlace) {
  std::string hashes[2];
  test::TemporaryDirectory places[2];
  for (int number = 0; number < 2; ++number) {
    ApplicationFiles files;
    const std::string folder = places[number].path() + (number == 0 ? "" : "/some/where/else");
    if (number == 1) places[1].write("some/where/else/x", "");
    const std::string jar =
        places[number].write(number == 0 ? "a/app.jar" : "some/where/else/a/app.jar", "a");
    ASSERT_EQ(0, ::symlink("app.jar", (parent_path(jar) + "/link.jar").c_str()));
    files.trees = {folder + "/a"};
    const TreePlan plan = plan_of(files);
    const Relocation relocation(plan, files);
    const TreePlan moved = relocation.apply(plan);
    for (const auto& [path, entry] : moved.entries())
      hashes[number] +=
          path + (entry.kind == TreeEntry::Kind::kLink ? ">" + entry.content : "") + "\n";
  }
  EXPECT_EQ(hashes[0], "/app\n/app/app.jar\n/app/link.jar>app.jar\n");
  EXPECT_EQ(hashes[0], hashes[1]);
}

TEST(Relocation, FilesInSystemFoldersMoveOnlyIfTheyAreNamed) {
  TreePlan plan;
  plan.add("/etc/passwd");
  plan.add("/etc/hostname");
  ApplicationFiles files;
  files.files = {"/etc/passwd"};
  const Relocation relocation(plan, files);
  const TreePlan moved = relocation.apply(plan);
  EXPECT_TRUE(moved.contains("/app/passwd"));
  EXPECT_TRUE(moved.contains("/etc/hostname"));
  EXPECT_TRUE(moved.contains("/etc"));
  EXPECT_FALSE(moved.contains("/app/hostname"));
}

TEST(Relocation, LinksLeadWhereTheyLed) {
  test::TemporaryDirectory place;
  ApplicationFiles files;
  files.files = {place.write("app/one/file", "a")};
  ASSERT_EQ(0, ::symlink("/etc/passwd", (place.path() + "/app/one/outside").c_str()));
  ASSERT_EQ(0, ::symlink(files.files[0].c_str(), (place.path() + "/app/absolute").c_str()));
  files.trees = {place.path() + "/app"};
  const TreePlan plan = plan_of(files);
  const TreePlan moved = Relocation(plan, files).apply(plan);
  EXPECT_EQ(moved.entries().at("/app/one/outside").content, "/etc/passwd");
  EXPECT_EQ(moved.entries().at("/app/absolute").content, "/app/one/file");
}

TEST(Relocation, OptionsNameTheirFilesByTheNewPath) {
  test::TemporaryDirectory place;
  ApplicationFiles files;
  const std::string agent = place.write("x/agent.jar", "a");
  const std::string settings = place.write("x/settings", "b");
  files.files = {agent, settings};
  const TreePlan plan = plan_of(files);
  const Relocation relocation(plan, files);
  EXPECT_EQ(relocation.option("-javaagent:" + agent + "=port=80"),
            "-javaagent:/app/agent.jar=port=80");
  EXPECT_EQ(relocation.option("-Dconfig=" + settings), "-Dconfig=/app/settings");
  EXPECT_EQ(relocation.option("-Xmx1g"), "-Xmx1g");
  EXPECT_EQ(relocation.option("-XX:+UseSerialGC"), "-XX:+UseSerialGC");
  EXPECT_EQ(relocation.option("--add-opens"), "--add-opens");
  EXPECT_EQ(relocation.option("-Dtmp=/tmp"), "-Dtmp=/tmp");
  EXPECT_EQ(relocation.option("-Da=b=c:d,e"), "-Da=b=c:d,e");
}

}  // namespace
}  // namespace moka
