// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/image/image_cache.cc launcher/image/materialise.cc launcher/image/kept_result.cc
// sources: launcher/image/tree_plan.cc launcher/support/command.cc launcher/support/files.cc
// sources: launcher/support/hash.cc launcher/support/interruption.cc
// sources: launcher/support/scratch_directory.cc launcher/support/digest.cc
// sources: launcher/image/direct_calls.cc launcher/direct/call_sites.cc launcher/direct/instructions.cc
// sources: launcher/direct/program_text.cc launcher/direct/frame_table.cc launcher/elf/elf_file.cc
// libs: $(ZYDIS)

#include "image/image_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "image/kept_result.h"
#include "launcher/temporary_directory.h"
#include "support/command.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TreePlan small_plan(const std::string& text = "hello") {
  TreePlan plan;
  plan.add_text("/etc/greeting", text);
  plan.add_link("/link", "etc");
  return plan;
}

std::size_t count_of(const std::string& directory, const std::string& suffix) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(directory))
    count += entry.path().string().ends_with(suffix) ? 1 : 0;
  return count;
}

// What a device shows as memory has a size that is a power of two; the rest is a hole.
TEST(ImageCache, AnImageForMemoryGoesOnAsAHole) {
  test::TemporaryDirectory place;
  const ImageCache cache = ImageCache::open_at(place.path() + "/c").value();
  const std::string disk = cache.image_of(small_plan(), "x", FileTimes::kZero).value();
  const std::string memory =
      cache.image_of(small_plan(), "x", FileTimes::kZero, Compression::kNone, Extent::kMemory).value();
  EXPECT_NE(disk, memory);
  EXPECT_EQ(fs::file_size(memory), std::uintmax_t{2} << 20);
  EXPECT_EQ(content(memory).substr(0, fs::file_size(disk)), content(disk));
  EXPECT_EQ(content(memory).find_first_not_of('\0', fs::file_size(disk)), std::string::npos);
  struct stat status {};
  ASSERT_EQ(0, ::stat(memory.c_str(), &status));
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

TEST(ImageCache, BuildsOnceAndToTheByte) {
  test::TemporaryDirectory one, two;
  const Result<std::string> first = ImageCache::open_at(one.path() + "/c")
                                        .value()
                                        .image_of(small_plan(), "runtime", FileTimes::kZero);
  ASSERT_TRUE(first) << first.error().message;
  const Result<std::string> second = ImageCache::open_at(two.path() + "/c")
                                         .value()
                                         .image_of(small_plan(), "runtime", FileTimes::kZero);
  ASSERT_TRUE(second);
  EXPECT_EQ(fs::path(first.value()).filename(), fs::path(second.value()).filename());
  EXPECT_EQ(content(first.value()), content(second.value()));
  // EROFS's superblock begins at 1 KiB with its magic.
  EXPECT_EQ(content(first.value()).substr(1024, 4), "\xe2\xe1\xf5\xe0");

  struct stat before {
  }, after{};
  ASSERT_EQ(0, ::stat(first.value().c_str(), &before));
  EXPECT_EQ(ImageCache::open_at(one.path() + "/c")
                .value()
                .image_of(small_plan(), "runtime", FileTimes::kZero)
                .value(),
            first.value());
  ASSERT_EQ(0, ::stat(first.value().c_str(), &after));
  EXPECT_EQ(before.st_ino, after.st_ino);
}

// What the image says of a path, by EROFS's own tool.
std::string dump(const std::string& image, const std::string& path) {
  return run_command({"dump.erofs", "--path=" + path, image}, {"TZ=UTC"}).output;
}

TEST(ImageCache, KeepsTimesWhereTheyCountAndOnlyThere) {
  test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "content");
  const timespec times[2] = {{1600000000, 5}, {1600000000, 5}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, file.c_str(), times, 0));
  TreePlan plan;
  plan.add(file);
  const ImageCache cache = ImageCache::open_at(directory.path() + "/c").value();
  const std::string kept = cache.image_of(plan, "x", FileTimes::kKept).value();
  EXPECT_NE(dump(kept, file).find("Timestamp: 2020-09-13 12:26:40"), std::string::npos)
      << dump(kept, file);
  const std::string zero = cache.image_of(plan, "x", FileTimes::kZero).value();
  EXPECT_NE(dump(zero, file).find("Timestamp: 1970-01-01 00:00:00"), std::string::npos);
}

TEST(ImageCache, OtherContentIsAnotherImage) {
  test::TemporaryDirectory directory;
  const ImageCache cache = ImageCache::open_at(directory.path() + "/c").value();
  EXPECT_NE(cache.image_of(small_plan("a"), "x", FileTimes::kZero).value(),
            cache.image_of(small_plan("b"), "x", FileTimes::kZero).value());
}

TEST(ImageCache, TwoBuildersAtOnceEndWithOneImageAndNothingElse) {
  test::TemporaryDirectory directory;
  const std::string place = directory.path() + "/c";
  for (int index = 0; index < 4; ++index) {
    if (::fork() == 0) {
      const Result<ImageCache> cache = ImageCache::open_at(place);
      ::_exit(cache && cache.value().image_of(small_plan(), "x", FileTimes::kKept) ? 0 : 1);
    }
  }
  for (int index = 0; index < 4; ++index) {
    int status = 1;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(count_of(place, ".erofs"), 1u);
  for (const auto& entry : fs::directory_iterator(place))
    EXPECT_FALSE(entry.path().filename().string().starts_with("building.")) << entry.path();
}

TEST(ImageCache, DropsWhatNobodyUsedForLong) {
  test::TemporaryDirectory directory;
  const ImageCache cache = ImageCache::open_at(directory.path() + "/c").value();
  const std::string old = cache.image_of(small_plan("old"), "x", FileTimes::kZero).value();
  const std::string recent = cache.image_of(small_plan("recent"), "x", FileTimes::kZero).value();
  // An image that is used keeps its own time: that of its digest's file moves on.
  for (const std::string& file : {old, recent})
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(24 * 15));
  fs::last_write_time(fs::path(old).replace_extension(".sha256"),
                      fs::file_time_type::clock::now() - std::chrono::hours(24 * 15));
  fs::create_directory(cache.directory() + "/building.abc");
  fs::last_write_time(cache.directory() + "/building.abc",
                      fs::file_time_type::clock::now() - std::chrono::hours(48));
  ASSERT_TRUE(cache.image_of(small_plan("new"), "x", FileTimes::kZero));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(recent));
  EXPECT_FALSE(fs::exists(cache.directory() + "/building.abc"));
}

// The file system's clock would have to move by seconds before a digest is believed, so the record of
// one that was believed is written by hand.
TEST(ImageCache, ADigestIsComputedAnewWhereTheFileIsAnother) {
  test::TemporaryDirectory directory;
  const ImageCache cache = ImageCache::open_at(directory.path() + "/c").value();
  const std::string image = cache.image_of(small_plan(), "x", FileTimes::kZero).value();
  const std::string right = ImageCache::digest_of(image).value();
  EXPECT_EQ(right.size(), 64u);
  EXPECT_EQ(right, ImageCache::recorded_digest(image));
  // Changed by somebody: found out, and what it should be stays known.
  std::ofstream(image, std::ios::app) << "more";
  const std::string changed = ImageCache::digest_of(image).value();
  EXPECT_NE(changed, right);
  EXPECT_EQ(ImageCache::recorded_digest(image), right);
  // A record that says of another file that it has this digest is not believed.
  const std::string record = fs::path(image).replace_extension(".sha256").string();
  std::ofstream(record) << right << " 1 2 3 4 5 6 7";
  EXPECT_EQ(ImageCache::digest_of(image).value(), changed);
  EXPECT_EQ(ImageCache::recorded_digest(image), right);
  fs::remove(record);
  EXPECT_EQ(ImageCache::recorded_digest(image), "");
  EXPECT_EQ(ImageCache::digest_of(image).value(), changed);
}

TEST(KeptResult, IsMadeOnceAndAgainWhereItWasDamaged) {
  test::TemporaryDirectory directory;
  const ImageCache cache = ImageCache::open_at(directory.path() + "/c").value();
  int made = 0;
  const auto ask = [&](const char* key) {
    return kept_result(cache, key, [&]() -> Result<std::string> {
             ++made;
             return std::string("what was made\0of it", 19);
           }).value();
  };
  const std::string first = ask("key");
  EXPECT_EQ(ask("key"), first);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(ask("other key"), first);
  EXPECT_EQ(made, 2);
  for (const auto& entry : fs::directory_iterator(cache.directory())) {
    std::fstream(entry.path(), std::ios::in | std::ios::out).seekp(40) << "X";
    EXPECT_TRUE(entry.path().filename().string().starts_with(ImageCache::kKeptPrefix));
  }
  EXPECT_EQ(ask("key"), first);
  EXPECT_EQ(made, 3);
  for (const auto& entry : fs::directory_iterator(cache.directory())) fs::resize_file(entry.path(), 10);
  EXPECT_EQ(ask("key"), first);
  EXPECT_EQ(made, 4);
  EXPECT_FALSE(kept_result(cache, "bad", []() -> Result<std::string> { return Error{"no"}; }));
  EXPECT_GT(cache.prune(ImageCache::Prune::kAll), 0u);
  EXPECT_TRUE(fs::is_empty(cache.directory()));
}

TEST(ImageCache, IsPrivate) {
  test::TemporaryDirectory directory;
  const ImageCache cache = ImageCache::open_at(directory.path() + "/deep/c").value();
  EXPECT_EQ(fs::status(cache.directory()).permissions(), fs::perms::owner_all);
}

TEST(ImageCache, ListsRemovesAndPrunes) {
  test::TemporaryDirectory place;
  const ImageCache cache = ImageCache::open_at(place.path() + "/c").value();
  place.write("c/a-1.erofs", "x");
  place.write("c/b-2.erofs", "x");
  place.write("c/modules-3", "x");
  place.write("c/accelerator", "x");
  place.write("c/building.x/tree/file", "x");
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, (place.path() + "/c/a-1.erofs").c_str(), old, 0));
  ASSERT_EQ(cache.list().size(), 2u);
  EXPECT_EQ(cache.list()[0].name, "a-1");
  EXPECT_EQ(cache.list()[0].last_used, 1000);
  EXPECT_GT(cache.prune(ImageCache::Prune::kUnused), 0u);
  ASSERT_EQ(cache.list().size(), 1u);
  EXPECT_FALSE(cache.remove("../c/b-2"));
  EXPECT_FALSE(cache.remove("a-1"));
  EXPECT_TRUE(cache.remove("b-2"));
  (void)cache.prune(ImageCache::Prune::kAll);
  EXPECT_FALSE(fs::exists(place.path() + "/c/modules-3"));
  // The verdict on KVM, and where somebody may be at work.
  EXPECT_TRUE(fs::exists(place.path() + "/c/accelerator"));
  EXPECT_TRUE(fs::exists(place.path() + "/c/building.x/tree/file"));
}

}  // namespace
}  // namespace moka
