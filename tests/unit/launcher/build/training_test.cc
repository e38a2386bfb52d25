// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/build/training_wish.cc launcher/build/trained_archive.cc
// sources: launcher/cli/argument_file.cc launcher/guest/cpio.cc launcher/image/tree_plan.cc
// sources: launcher/support/hash.cc launcher/support/files.cc
#include <gtest/gtest.h>

#include "build/trained_archive.h"
#include "build/training_wish.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

TEST(TrainingWish, UrlsAndArgumentsAreToldApart) {
  const auto urls = parse_training("http://localhost:8080 http://127.0.0.1/a?b=c");
  ASSERT_TRUE(urls) << urls.error().message;
  EXPECT_EQ(urls.value().kind, TrainingWish::Kind::kUrls);
  ASSERT_EQ(urls.value().urls.size(), 2u);
  EXPECT_EQ(urls.value().urls[0].port, 8080);
  EXPECT_EQ(urls.value().urls[0].target, "/");
  EXPECT_EQ(urls.value().urls[1].port, 80);
  EXPECT_EQ(urls.value().urls[1].target, "/a?b=c");
  const auto words = parse_training("--warm 'two words'");
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words.value().kind, TrainingWish::Kind::kArguments);
  EXPECT_EQ(words.value().arguments, (std::vector<std::string>{"--warm", "two words"}));
}

TEST(TrainingWish, WhatCannotBeAskedForIsRefused) {
  for (const char* text :
       {"", "  ", "https://localhost/", "http://example.org/", "http://localhost:0/",
        "http://localhost:70000/", "http://localhost/ words"})
    EXPECT_FALSE(parse_training(text)) << text;
  EXPECT_TRUE(parse_training_limit("30"));
  for (const char* text : {"", "0", "1s", "-1", "99999"}) EXPECT_FALSE(parse_training_limit(text));
}

TrainedArchive some_archive() {
  return {{"17.0.1", "aa", "bb", {"-jar", "/app/a.jar"}, "emulated"},
          "start",
          {{kBaseArchive, "base"}, {kApplicationArchive, std::string("top\0\n", 5)}}};
}

TEST(TrainedArchive, ComesBackAsItWas) {
  const std::string bytes = encode_archive(some_archive());
  const auto archive = decode_archive(bytes);
  ASSERT_TRUE(archive) << archive.error().message;
  EXPECT_EQ(encode_archive(archive.value()), bytes);
  EXPECT_EQ(reason_against(archive.value().key, some_archive().key), "");
}

TEST(TrainedArchive, DamageIsNoticedWhereverItIs) {
  const std::string bytes = encode_archive(some_archive());
  for (std::size_t size = 0; size + 512 < bytes.size(); size += 37)
    EXPECT_FALSE(decode_archive(std::string_view(bytes).substr(0, size))) << size;
  std::string other = bytes;
  other[other.find("top")] = 'b';
  EXPECT_FALSE(decode_archive(other));
  other = bytes;
  other.replace(other.find("\"mokapotArchive\": 1"), 19, "\"mokapotArchive\": 2");
  EXPECT_FALSE(decode_archive(other));
}

TEST(TrainedArchive, TheKeySaysWhatDiffers) {
  const ArchiveKey key = some_archive().key;
  const auto reason = [&key](auto change) {
    ArchiveKey other = key;
    change(other);
    return reason_against(key, other);
  };
  EXPECT_NE(reason([](ArchiveKey& k) { k.java = "25"; }).find("Java 25"), std::string::npos);
  EXPECT_NE(reason([](ArchiveKey& k) { k.runtime = "x"; }).find("JDK"), std::string::npos);
  EXPECT_NE(reason([](ArchiveKey& k) { k.application = "x"; }).find("class path"),
            std::string::npos);
  EXPECT_NE(reason([](ArchiveKey& k) { k.options.clear(); }).find("options"), std::string::npos);
  EXPECT_EQ(reason([](ArchiveKey& k) { k.processor = "x"; }), "");
}

TEST(TrainedArchive, FollowsTheJdk) {
  Jdk jdk;
  jdk.home = "/jdk";
  for (const auto& [release, kind] : {std::pair{11u, ArchiveKind::kNone},
                                      {17u, ArchiveKind::kDynamic},
                                      {25u, ArchiveKind::kAotCache}}) {
    jdk.feature_release = release;
    EXPECT_EQ(archive_kind_of(jdk), kind) << release;
  }
  EXPECT_TRUE(plan_archive(some_archive(), jdk).contains("/jdk/lib/server/classes.jsa"));
  EXPECT_EQ(option_against_training({"-Xmx1g", "-XX:AOTMode=off"}), "-XX:AOTMode=off");
  EXPECT_EQ(option_against_training({"-Xmx1g"}), "");
}

TEST(TrainedArchive, FoldersOnAClassPathAreFound) {
  const test::TemporaryDirectory directory;
  const std::string jar = directory.write("lib/app.jar", "");
  const std::string full = directory.path() + "/lib", empty = directory.path() + "/empty";
  std::filesystem::create_directory(empty);
  EXPECT_EQ(folder_on_class_path(""), "");
  EXPECT_EQ(folder_on_class_path(jar + ":" + full + "/*:/no/such:" + empty), "");
  EXPECT_EQ(folder_on_class_path(jar + ":" + full), full);
}

}  // namespace
}  // namespace moka
