// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/image/tree_plan.cc launcher/image/materialise.cc launcher/support/files.cc
// sources: launcher/support/hash.cc

#include "image/tree_plan.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "image/materialise.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

const auto kSkipNothing = [](const std::string&) { return false; };

std::string hash_of(const TreePlan& plan) {
  Hash hash;
  plan.hash_into(hash);
  return hash.text();
}

class TreePlanTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  TreeEntry::Kind kind(const std::string& name) const { return plan_.entries().at(at(name)).kind; }
  test::TemporaryDirectory directory_;
  TreePlan plan_;
};

TEST_F(TreePlanTest, TakesTheDirectoriesAboveAFileButNotItsNeighbours) {
  directory_.write("a/b/file", "x");
  directory_.write("a/b/other", "y");
  plan_.add(at("a/b/file"));
  EXPECT_EQ(kind("a/b"), TreeEntry::Kind::kDirectory);
  EXPECT_EQ(kind("a/b/file"), TreeEntry::Kind::kFile);
  EXPECT_FALSE(plan_.contains(at("a/b/other")));
}

TEST_F(TreePlanTest, KeepsLinksAndTakesWhatTheyLeadTo) {
  directory_.write("real/lib/file", "x");
  fs::create_symlink("real/lib", at("lib"));
  fs::create_symlink("../lib/./file", at("real/again"));
  fs::create_symlink(at("real/again"), at("absolute"));
  plan_.add(at("absolute"));
  EXPECT_EQ(kind("absolute"), TreeEntry::Kind::kLink);
  EXPECT_EQ(kind("real/again"), TreeEntry::Kind::kLink);
  EXPECT_EQ(kind("lib"), TreeEntry::Kind::kLink);
  EXPECT_EQ(kind("real/lib/file"), TreeEntry::Kind::kFile);
}

TEST_F(TreePlanTest, ATreeFollowsLinksThatLeadOutOfIt) {
  directory_.write("tree/in", "x");
  directory_.write("outside/deep/out", "y");
  fs::create_symlink("../outside", at("tree/link"));
  fs::create_symlink(".", at("tree/self"));
  plan_.add_tree(at("tree"), [&](const std::string& path) { return path == at("tree/left_out"); });
  EXPECT_TRUE(plan_.contains(at("tree/in")));
  EXPECT_TRUE(plan_.contains(at("outside/deep/out")));
}

TEST_F(TreePlanTest, PassesOverWhatTheGuestCannotHave) {
  fs::create_symlink("loop", at("loop"));
  fs::create_symlink("nowhere", at("dangling"));
  fs::create_directory(at("d"));
  ASSERT_EQ(0, ::mkfifo(at("d/fifo").c_str(), 0600));
  plan_.add(at("loop"));
  plan_.add(at("absent/file"));
  plan_.add_tree(at("d"), kSkipNothing);
  plan_.add(at("dangling"));
  EXPECT_FALSE(plan_.contains(at("d/fifo")));
  EXPECT_FALSE(plan_.contains(at("absent")));
  EXPECT_EQ(kind("dangling"), TreeEntry::Kind::kLink);  // dangling there, too
}

TEST_F(TreePlanTest, SkipsSubtrees) {
  directory_.write("t/keep", "");
  directory_.write("t/drop/file", "");
  plan_.add_tree(at("t"), [&](const std::string& path) { return path == at("t/drop"); });
  EXPECT_TRUE(plan_.contains(at("t/keep")));
  EXPECT_FALSE(plan_.contains(at("t/drop/file")));
}

TEST_F(TreePlanTest, TheHashChangesWithAFileAndNotWithItsNeighbours) {
  const std::string file = directory_.write("a/file", "one");
  const auto hash = [&] {
    TreePlan plan;
    plan.add(file);
    return hash_of(plan);
  };
  const std::string before = hash();
  directory_.write("a/neighbour", "");
  EXPECT_EQ(hash(), before);
  directory_.write("a/file", "longer");
  const std::string longer = hash();
  EXPECT_NE(longer, before);
  fs::permissions(file, fs::perms::owner_all);
  EXPECT_NE(hash(), longer);
}

TEST_F(TreePlanTest, MaterialisesLinksModesTimesAndText) {
  const std::string script = directory_.write("src/run.sh", "#!/bin/sh");
  fs::permissions(script, fs::perms::owner_all);
  fs::create_symlink("run.sh", at("src/link"));
  plan_.add(at("src/link"));
  plan_.add_text("/etc/passwd", "root", 0640);
  plan_.add_directory("/tmp", 01777);
  fs::create_directory(at("out"));
  ASSERT_TRUE(materialise(plan_, at("out"), FileTimes::kKept));
  EXPECT_EQ(fs::read_symlink(at("out") + at("src/link")), "run.sh");
  EXPECT_EQ(fs::last_write_time(at("out") + script), fs::last_write_time(script));
  EXPECT_EQ(fs::status(at("out") + script).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::file_size(at("out") + "/etc/passwd"), 4u);
  struct stat status {};
  ASSERT_EQ(0, ::stat((at("out") + "/tmp").c_str(), &status));
  EXPECT_EQ(status.st_mode & 07777, plan_.entries().at("/tmp").mode | 0700);
}

}  // namespace
}  // namespace moka
