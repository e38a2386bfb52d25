// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/support/output_file.cc launcher/support/files.cc

#include "support/output_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "launcher/temporary_directory.h"
#include "support/files.h"

namespace moka {
namespace {

namespace fs = std::filesystem;
using Kind = OutputFile::Kind;

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputFile, AppearsWholeOrNotAtAll) {
  test::TemporaryDirectory place;
  const std::string path = place.write("image", "old");
  {
    auto output = OutputFile::create(path, Kind::kFile);
    ASSERT_TRUE(output);
    ASSERT_TRUE(write_fully(output.value().fd(), "new"));
    EXPECT_EQ(read_file(path, 100).value(), "old");
  }
  EXPECT_EQ(read_file(path, 100).value(), "old");
  EXPECT_EQ(files_in(place.path()), 1u);
  auto output = OutputFile::create(path, Kind::kFile);
  ASSERT_TRUE(write_fully(output.value().fd(), "new"));
  ASSERT_TRUE(output.value().finish());
  EXPECT_EQ(read_file(path, 100).value(), "new");
  EXPECT_EQ(files_in(place.path()), 1u);
}

TEST(OutputFile, AFolderReplacesAFolder) {
  test::TemporaryDirectory place;
  const std::string path = place.path() + "/pair";
  place.write("pair/old", "");
  {
    auto output = OutputFile::create(path, Kind::kFolder);
    ASSERT_TRUE(output) << output.error().message;
    std::ofstream(output.value().unfinished() + "/new") << "x";
    ASSERT_TRUE(output.value().finish());
  }
  EXPECT_TRUE(fs::exists(path + "/new"));
  EXPECT_FALSE(fs::exists(path + "/old"));
  EXPECT_EQ(files_in(place.path()), 1u);
}

TEST(OutputFile, WhatHadTheNameIsKeptUnderAnother) {
  test::TemporaryDirectory place;
  const std::string path = place.write("image", "1");
  for (const char* content : {"2", "3"}) {
    auto output = OutputFile::create(path, Kind::kFile);
    ASSERT_TRUE(write_fully(output.value().fd(), content));
    ASSERT_TRUE(output.value().finish_keeping(path + ".previous"));
  }
  EXPECT_EQ(read_file(path, 100).value() + read_file(path + ".previous", 100).value(), "32");
  EXPECT_EQ(files_in(place.path()), 2u);
  ASSERT_TRUE(exchange_names(path, path + ".previous"));
  EXPECT_EQ(read_file(path, 100).value(), "2");
}

TEST(OutputFile, AFolderIsKeptUnderAnotherName) {
  test::TemporaryDirectory place;
  const std::string path = place.path() + "/pair";
  place.write("pair/1", "");
  for (const char* name : {"/2", "/3"}) {
    auto output = OutputFile::create(path, Kind::kFolder);
    ASSERT_TRUE(output) << output.error().message;
    std::ofstream(output.value().unfinished() + name) << "x";
    ASSERT_TRUE(output.value().finish_keeping(path + ".previous"));
  }
  EXPECT_TRUE(fs::exists(path + "/3") && fs::exists(path + ".previous/2"));
  EXPECT_EQ(files_in(path) + files_in(path + ".previous") + files_in(place.path()), 4u);
}

TEST(OutputFile, WhatAKilledOneLeftIsNotKept) {
  test::TemporaryDirectory place;
  place.write(".image.unfinished", "left over and longer");
  place.write(".pair.unfinished/left", "over");
  auto file = OutputFile::create(place.path() + "/image", Kind::kFile);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file.value().finish());
  EXPECT_EQ(fs::file_size(place.path() + "/image"), 0u);
  auto folder = OutputFile::create(place.path() + "/pair", Kind::kFolder);
  ASSERT_TRUE(folder);
  EXPECT_EQ(files_in(folder.value().unfinished()), 0u);
}

TEST(OutputFile, TwoDoNotMakeTheSame) {
  test::TemporaryDirectory place;
  const std::string path = place.path() + "/image";
  const auto first = OutputFile::create(path, Kind::kFile);
  ASSERT_TRUE(first);
  const auto second = OutputFile::create(path, Kind::kFile);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another"), std::string::npos);
}

TEST(OutputFile, RefusesWhatCannotBe) {
  test::TemporaryDirectory place;
  EXPECT_FALSE(OutputFile::create(place.path(), Kind::kFile));
  EXPECT_FALSE(OutputFile::create(place.path() + "/no/such/image", Kind::kFile));
  EXPECT_FALSE(OutputFile::create("/", Kind::kFolder));
  EXPECT_EQ(files_in(place.path()), 0u);
}

}  // namespace
}  // namespace moka
