// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/fs/erofs_volume.cc kernel/fs/erofs_inode.cc kernel/fs/erofs_directory.cc
// sources: kernel/fs/inotify.cc kernel/io/anonymous.cc kernel/fs/page_cluster.cc
// sources: kernel/fs/erofs_clusters.cc kernel/fs/erofs_cluster_index.cc kernel/fs/lz4.cc
// sources: kernel/fs/erofs_xattr.cc kernel/fs/page_cache.cc kernel/fs/page_read.cc kernel/fs/page_write.cc kernel/fs/page_block.cc
// sources: kernel/fs/page_recency.cc kernel/fs/dentry.cc kernel/fs/vnode.cc kernel/fs/vnode_file.cc
// sources: kernel/fs/path_walk.cc kernel/fs/mount.cc kernel/fs/vfs_open.cc kernel/fs/vfs_names.cc
// sources: kernel/fs/vfs_attributes.cc kernel/fs/memory_node.cc kernel/fs/memory_directory.cc
// sources: kernel/fs/device_node.cc kernel/fs/memory_devices.cc kernel/fs/pseudo.cc
// sources: kernel/fs/file_systems.cc kernel/io/file.cc kernel/vm/user_access.cc
// sources: tests/unit/fs/fake_kernel.cc
//
// Compressed files in every form that mkfs.erofs writes, whole and damaged.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "fakes/log.h"
#include "fs/erofs_walk.h"
#include "fs/fake_kernel.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

namespace stdfs = std::filesystem;

// Stretches of text, noise and one byte over and over, of lengths that fit no page: clusters of every kind.
std::string mixture(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    const unsigned kind = random() % 4;
    const std::size_t stretch = 1 + random() % 30000;
    for (std::size_t i = 0; i < stretch; ++i) {
      if (kind == 0) text += static_cast<char>(random());
      else if (kind == 1) text += 'x';
      else text += "word " + std::to_string(random() % 300);
    }
  }
  text.resize(size);
  return text;
}

class Compressed : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    fake::start_kernel();
    char name[] = "/tmp/mokapot-compressed-XXXXXX";
    root_ = ::mkdtemp(name);
    unsigned seed = 1;
    for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 9000u, 65536u, 100000u, 700001u}) {
      files_.emplace_back("text-" + std::to_string(size), mixture(size, seed++));
    }
    files_.emplace_back("zeros", std::string(300000, '\0'));
    std::mt19937 random(9);
    std::string noise(50000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    files_.emplace_back("noise", noise);
    for (const auto& [file, text] : files_) std::ofstream(root_ + "/" + file, std::ios::binary) << text;
    if (!fake::make_image(root_, image_, GetParam())) GTEST_SKIP() << "no mkfs.erofs";
    disk_ = std::make_unique<fake::MemoryDisk>(image_);
    auto volume = ErofsVolume::open(*disk_, 0, 1);
    ASSERT_TRUE(volume.ok());
    directory_ = volume.value()->root().take();
  }
  void TearDown() override {
    directory_ = {};
    fake::defer_reads(false);
    stdfs::remove_all(root_);
    fake::log_lines().clear();
  }

  RefPtr<FileCache> open(const std::string& name) {
    auto node = directory_->lookup(name);
    EXPECT_TRUE(node.ok()) << name;
    return node.value()->cache().take();
  }
  static std::string read(FileCache& cache, std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    ReadAhead ahead;
    IoBuffer into(text.data(), size);
    auto got = cache.read(into, offset, ahead);
    EXPECT_TRUE(got.ok());
    text.resize(got.value_or(0));
    return text;
  }

  std::string root_;
  std::vector<std::pair<std::string, std::string>> files_;
  std::vector<std::uint8_t> image_;
  std::unique_ptr<fake::MemoryDisk> disk_;
  RefPtr<ErofsInode> directory_;
};

TEST_P(Compressed, FilesAreWhatTheyWere) {
  for (const auto& [file, text] : files_) {
    RefPtr<FileCache> cache = open(file);
    ASSERT_EQ(cache->size(), text.size());
    EXPECT_TRUE(read(*cache, 0, text.size() + 1) == text) << file;
  }
  EXPECT_TRUE(fake::log_lines().empty());
}

TEST_P(Compressed, PagesInAnyOrderAreWhatTheyWere) {
  fake::defer_reads(true);
  std::mt19937 random(5);
  for (const auto& [file, text] : files_) {
    RefPtr<FileCache> cache = open(file);
    for (int i = 0; i < 60; ++i) {
      const std::size_t at = random() % text.size(), size = 1 + random() % 9000;
      EXPECT_TRUE(read(*cache, at, size) == text.substr(at, size)) << file << " from " << at;
      // Some go, so that clusters are met of which a part is there.
      if (i % 7 == 0) fake::reclaim(random() % 40);
    }
  }
}

TEST_P(Compressed, BehindTheEndOfAMappedFileAreZeros) {
  for (const auto& [file, text] : files_) {
    if (text.size() % kPageSize == 0) continue;
    RefPtr<FileCache> cache = open(file);
    const PhysAddr frame = cache->frame_for_mapping(text.size() / kPageSize, false).take();
    const auto* bytes = static_cast<const char*>(direct_map(frame));
    EXPECT_EQ(std::string(bytes + text.size() % kPageSize, bytes + kPageSize),
              std::string(kPageSize - text.size() % kPageSize, '\0'))
        << file;
    cache->release_frame(frame, false);
  }
}

TEST_P(Compressed, AClusterIsReadOnceForAllOfItsPages) {
  RefPtr<FileCache> cache = open("zeros");
  (void)read(*cache, 0, 1);
  const std::uint64_t pages = cache->resident_pages();
  EXPECT_GT(pages, 4u);
  const std::uint64_t requests = disk_->requests;
  EXPECT_EQ(read(*cache, 0, pages * kPageSize), std::string(std::min<std::size_t>(300000, pages * kPageSize), '\0'));
  EXPECT_EQ(disk_->requests, requests);
}

TEST_P(Compressed, NoMemoryForABlockIsMadeDoWith) {
  if (std::string(GetParam()).find("131072") == std::string::npos) GTEST_SKIP() << "takes seconds; one form will do";
  const auto& [file, text] = files_[7];
  RefPtr<FileCache> cache = open(file);
  EXPECT_TRUE(read(*cache, 0, 1) == text.substr(0, 1));  // the reserve is taken now
  while (fake::reclaim(1000) > 0) {}
  // Every other frame of what is left: no two lie side by side.
  std::vector<PhysAddr> taken;
  while (true) {
    auto frame = allocate_frame(FrameUse::kKernel, FrameContents::kUninitialised);
    if (!frame.ok()) break;
    taken.push_back(frame.value());
  }
  std::sort(taken.begin(), taken.end());
  std::vector<PhysAddr> kept;
  std::size_t given = 0;
  for (const PhysAddr frame : taken) {
    if (frame.value() / kPageSize % 2 == 0 && given < 200) free_frame(frame), ++given;
    else kept.push_back(frame);
  }
  std::mt19937 random(3);
  unsigned wrong = 0;
  for (int i = 0; i < 12; ++i) {
    const std::size_t at = random() % text.size();
    std::string byte(1, '?');
    ReadAhead ahead;
    IoBuffer into(byte.data(), 1);
    auto got = cache->read(into, at, ahead);
    // Clusters that are larger than the reserve, and those that end inside a page, need more than that.
    if (got.ok()) wrong += byte[0] != text[at];
    else EXPECT_EQ(got.error(), Errno::kENOMEM);
  }
  EXPECT_EQ(wrong, 0u);
  for (const PhysAddr frame : kept) free_frame(frame);
  EXPECT_TRUE(read(*cache, 0, text.size()) == text);
}

TEST_P(Compressed, ReadErrorsAreReportedAndForgotten) {
  const auto& [file, text] = files_[7];
  RefPtr<FileCache> cache = open(file);
  ASSERT_TRUE(read(*cache, 0, 1) == text.substr(0, 1));
  disk_->fail_reads = true;
  char byte = 0;
  IoBuffer into(&byte, 1);
  ReadAhead ahead;
  EXPECT_EQ(cache->read(into, 650000, ahead).error(), Errno::kEIO);
  disk_->fail_reads = false;
  EXPECT_TRUE(read(*cache, 0, text.size()) == text);
}

TEST_P(Compressed, DamagedDataIsAnErrorWithALineAndNotACrash) {
  std::mt19937 random(7);
  unsigned errors = 0;
  for (int round = 0; round < 300; ++round) {
    auto damaged = image_;
    damaged[1024 + 8] &= 0xfe;  // past the checksum
    const int changes = round % 3 == 0 ? 2000 : 40;
    for (int i = 0; i < changes; ++i) {
      const std::size_t limit = round % 2 == 0 ? damaged.size() : std::min<std::size_t>(damaged.size(), 16384);
      const std::size_t at = random() % limit;
      if (round % 3 == 0 && at < 16384) continue;  // data only
      damaged[at] = static_cast<std::uint8_t>(random());
    }
    fake::MemoryDisk disk(std::move(damaged));
    fake::VolumeCensus census;
    if (!fake::walk_volume(disk, census) || census.errors > 0) ++errors;
  }
  EXPECT_GT(errors, 50u);
}

INSTANTIATE_TEST_SUITE_P(Forms, Compressed,
                         ::testing::Values("-zlz4", "-zlz4hc", "-zlz4hc -C16384", "-zlz4hc -C65536",
                                           "-zlz4hc -C65536 --max-extent-bytes=65536",
                                           "-zlz4hc -C131072 --max-extent-bytes=131072", "-zlz4hc -Elegacy-compress",
                                           "-zlz4hc -Elegacy-compress -C65536 --max-extent-bytes=65536"));

TEST(CompressedForms, WhatIsNotSupportedIsRefusedByName) {
  fake::start_kernel();
  char name[] = "/tmp/mokapot-compressed-XXXXXX";
  const std::string root = ::mkdtemp(name);
  std::ofstream(root + "/text") << mixture(100000, 1);
  std::vector<std::uint8_t> image;
  const bool made = fake::make_image(root, image, "-zlz4hc -Eztailpacking");
  stdfs::remove_all(root);
  if (!made) GTEST_SKIP() << "no mkfs.erofs";
  fake::log_lines().clear();
  fake::MemoryDisk disk(image);
  fake::VolumeCensus census;
  EXPECT_TRUE(fake::walk_volume(disk, census));
  EXPECT_EQ(census.errors, 1u);
  ASSERT_FALSE(fake::log_lines().empty());
  EXPECT_NE(fake::log_lines()[0].find("tail packed"), std::string::npos) << fake::log_lines()[0];
  fake::log_lines().clear();
}

}  // namespace
}  // namespace mokapot
