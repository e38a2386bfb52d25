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
// Images that mkfs.erofs makes, whole and damaged, and the page cache over them.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "fakes/log.h"
#include "fs/erofs_walk.h"
#include "fs/fake_kernel.h"
#include "fs/vfs.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

namespace stdfs = std::filesystem;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i / 7 + i / 4096) % 26);
  return text;
}

class Erofs : public ::testing::Test {
 protected:
  void SetUp() override {
    fake::start_kernel();
    char name[] = "/tmp/mokapot-erofs-XXXXXX";
    root_ = ::mkdtemp(name);
    stdfs::create_directories(root_ + "/dir/sub");
    for (int i = 0; i < 600; ++i) std::ofstream(root_ + "/dir/entry-" + std::to_string(i)) << i;
    for (const std::size_t size : {0, 1, 100, 4095, 4096, 4097, 8192, 50000, 400000}) {
      std::ofstream(root_ + "/size-" + std::to_string(size), std::ios::binary) << pattern(size);
    }
    stdfs::create_symlink("dir/sub", root_ + "/link");
    ::setxattr((root_ + "/size-100").c_str(), "user.one", "value", 5, 0);
    ::setxattr((root_ + "/size-4097").c_str(), "user.one", "value", 5, 0);
    made_ = fake::make_image(root_, image_, options_);
    if (!made_) GTEST_SKIP() << "no mkfs.erofs";
  }
  void TearDown() override { stdfs::remove_all(root_); }

  RefPtr<File> open(const std::string& path) {
    auto file = vfs_open(nullptr, path, kOpenReadOnly, 0);
    EXPECT_TRUE(file.ok()) << path;
    return file.take();
  }

  std::string root_, options_;
  std::vector<std::uint8_t> image_;
  bool made_ = false;
};

TEST_F(Erofs, ContentsNamesLinksAndAttributesAreThoseOfTheDirectory) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  for (const std::size_t size : {0, 1, 100, 4095, 4096, 4097, 8192, 50000, 400000}) {
    EXPECT_EQ(fake::read_all(*open("/size-" + std::to_string(size))), pattern(size)) << size;
  }
  for (int i = 0; i < 600; i += 7) {
    EXPECT_EQ(fake::read_all(*open("/dir/entry-" + std::to_string(i))), std::to_string(i));
  }
  EXPECT_EQ(vfs_resolve(nullptr, "/dir/entry-600").error(), Errno::kENOENT);
  char target[64];
  EXPECT_EQ(std::string(target, vfs_readlink(nullptr, "/link", target, sizeof target).take()), "dir/sub");
  EXPECT_TRUE(vfs_resolve(nullptr, "/link").value()->vnode().is_directory());
  struct stat status;
  ::stat((root_ + "/size-4096").c_str(), &status);
  const FileStatus ours = vfs_status(*vfs_resolve(nullptr, "/size-4096").take()).take();
  EXPECT_EQ(ours.mode, status.st_mode);
  EXPECT_EQ(ours.links, status.st_nlink);
  EXPECT_EQ(ours.user, status.st_uid);
  EXPECT_EQ(ours.modified.seconds, status.st_mtim.tv_sec);
  char value[16];
  if (::getxattr((root_ + "/size-100").c_str(), "user.one", value, sizeof value) == 5) {
    for (const char* path : {"/size-100", "/size-4097"}) {
      RefPtr<Dentry> dentry = vfs_resolve(nullptr, path).take();
      EXPECT_EQ(vfs_get_xattr(*dentry, "user.one", value, sizeof value).value_or(0), 5u) << path;
      EXPECT_EQ(std::string(value, 5), "value");
      EXPECT_EQ(vfs_get_xattr(*dentry, "user.two", value, sizeof value).error(), Errno::kENODATA);
    }
  }
}

class ChunkedErofs : public Erofs {
 protected:
  ChunkedErofs() { options_ = "--chunksize=8192"; }
};
TEST_F(ChunkedErofs, FilesInChunksReadTheSame) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  for (const std::size_t size : {1, 4096, 4097, 50000, 400000}) {
    EXPECT_EQ(fake::read_all(*open("/size-" + std::to_string(size))), pattern(size)) << size;
  }
}

// A disk that a device shows as memory: its pages are used where they lie.
class ErofsInMemory : public Erofs {
 protected:
  fake::MemoryDisk* mount() {
    auto* disk = new fake::MemoryDisk(image_);
    disk->show_as_memory();
    BlockDevice* layers[] = {disk};
    EXPECT_TRUE(mount_root(layers).ok());
    return disk;
  }
};

TEST_F(ErofsInMemory, FilesReadTheSameAndNothingIsCached) {
  fake::MemoryDisk* disk = mount();
  for (const std::size_t size : {0, 1, 100, 4095, 4096, 4097, 8192, 50000, 400000}) {
    RefPtr<File> file = open("/size-" + std::to_string(size));
    EXPECT_EQ(fake::read_all(*file), pattern(size)) << size;
    // A last page that the file does not fill is a page of the cache's.
    auto cache = file->vnode()->cache().take()->lower();
    EXPECT_EQ(cache->resident_pages(), size % kPageSize == 0 ? 0u : 1u) << size;
    cache->prefetch(0, size);
    EXPECT_LE(cache->resident_pages(), 1u) << size;
  }
  EXPECT_LE(disk->bytes_read, 10 * kPageSize);
  for (int i = 0; i < 600; i += 7) {
    EXPECT_EQ(fake::read_all(*open("/dir/entry-" + std::to_string(i))), std::to_string(i));
  }
}

TEST_F(ErofsInMemory, MappingsShowTheDevicesOwnPages) {
  fake::MemoryDisk* disk = mount();
  auto cache = open("/size-400000")->vnode()->cache().take();
  const std::uint64_t free = frame_statistics().free_frames;
  const std::uint64_t requests = disk->requests;
  const PhysAddr page = cache->frame_for_mapping(3, false).take();
  EXPECT_FALSE(is_managed(page));
  EXPECT_EQ(std::string_view(static_cast<const char*>(direct_map(page)), kPageSize),
            std::string_view(pattern(400000)).substr(3 * kPageSize, kPageSize));
  EXPECT_EQ(cache->cached_frame_for_mapping(3).value_or(PhysAddr()), page);
  for (int i = 0; i < 3; ++i) cache->release_frame(page, false);
  while (fake::reclaim(1000) > 0) {
  }
  EXPECT_EQ(cache->cached_frame_for_mapping(3).value_or(PhysAddr()), page);
  EXPECT_EQ(disk->requests, requests);
  EXPECT_GE(frame_statistics().free_frames, free);
  EXPECT_EQ(cache->frame_for_mapping(98, false).error(), Errno::kENXIO);
}

TEST_F(ErofsInMemory, WhatFollowsTheEndOfAFileInItsLastPageIsNotShown) {
  mount();
  auto cache = open("/size-400000")->vnode()->cache().take();
  const PhysAddr last = cache->frame_for_mapping(97, false).take();
  const auto* bytes = static_cast<const std::uint8_t*>(direct_map(last));
  EXPECT_TRUE(is_managed(last));
  for (std::size_t at = 400000 % kPageSize; at < kPageSize; ++at) ASSERT_EQ(bytes[at], 0) << at;
  cache->release_frame(last, false);
}

TEST_F(ErofsInMemory, AFileWithChangedPagesReadsTheOthersFromTheDevice) {
  mount();
  RefPtr<File> file = vfs_open(nullptr, "/size-50000", kOpenReadWrite, 0).take();
  char letter = '!';
  IoBuffer from(&letter, 1);
  ASSERT_EQ(file->write_at(from, 5000).value_or(0), 1u);
  std::string wanted = pattern(50000);
  wanted[5000] = '!';
  EXPECT_EQ(fake::read_all(*open("/size-50000")), wanted);
}

TEST_F(Erofs, ADamagedSuperblockIsRefused) {
  for (const std::size_t offset : {1024u, 1028u, 1036u, 1040u, 1060u, 1104u}) {
    auto damaged = image_;
    damaged[offset] ^= 0x55;
    fake::MemoryDisk disk(damaged);
    fake::log_lines().clear();
    fake::VolumeCensus census;
    EXPECT_FALSE(fake::walk_volume(disk, census)) << offset;
    EXPECT_FALSE(fake::log_lines().empty());
  }
  fake::MemoryDisk cut(std::vector<std::uint8_t>(image_.begin(), image_.begin() + 8192));
  fake::VolumeCensus census;
  EXPECT_FALSE(fake::walk_volume(cut, census));
}

TEST_F(Erofs, DamageAnywhereIsAnErrorAndNotACrash) {
  std::mt19937 random(7);
  unsigned with_errors = 0;
  for (int round = 0; round < 400; ++round) {
    auto damaged = image_;
    damaged[1024 + 8] &= 0xfe;  // past the checksum
    for (int i = 0; i < 40; ++i) {
      // Metadata lies at the front.
      damaged[random() % (round % 2 == 0 ? damaged.size() : std::min<std::size_t>(damaged.size(), 65536))] =
          static_cast<std::uint8_t>(random());
    }
    fake::MemoryDisk disk(std::move(damaged));
    fake::VolumeCensus census;
    if (!fake::walk_volume(disk, census) || census.errors > 0) ++with_errors;
  }
  EXPECT_GT(with_errors, 0u);
  fake::log_lines().clear();
}

TEST_F(Erofs, ReadErrorsAreReportedAndForgotten) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  RefPtr<File> file = open("/size-400000");
  disk->fail_reads = true;
  char byte = 0;
  IoBuffer into(&byte, 1);
  EXPECT_EQ(file->read_at(into, 200000).error(), Errno::kEIO);
  disk->fail_reads = false;
  EXPECT_EQ(fake::read_all(*file), pattern(400000));
}

TEST_F(Erofs, SequentialReadersGetLargeRequestsAndCachedPagesNone) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  RefPtr<File> file = open("/size-400000");
  const std::uint64_t before = disk->requests;
  fake::defer_reads(true);
  EXPECT_EQ(fake::read_all(*file), pattern(400000));
  fake::defer_reads(false);
  // 98 pages in requests of at most 16 (the disk's limit).
  EXPECT_LE(disk->requests - before, 12u);
  const std::uint64_t after = disk->requests;
  EXPECT_EQ(fake::read_all(*open("/size-400000")), pattern(400000));
  EXPECT_EQ(disk->requests, after);
}

TEST_F(Erofs, ReclaimDropsCleanPagesButNotThoseInUse) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  RefPtr<File> file = open("/size-400000");
  EXPECT_EQ(fake::read_all(*file).size(), 400000u);
  auto cache = file->vnode()->cache().take();
  EXPECT_EQ(cache->resident_pages(), 0u);
  EXPECT_GT(cache->lower()->resident_pages(), 90u);
  const PhysAddr mapped = cache->frame_for_mapping(3, false).take();
  fake::take_unmapped();
  while (fake::reclaim(1000) > 0) {
  }
  // The mapped page was asked for and stayed, its reference not having been dropped.
  EXPECT_EQ(cache->lower()->resident_pages(), 1u);
  bool asked = false;
  for (const fake::Unmapped& u : fake::take_unmapped()) asked |= u.first <= 3 && 3 < u.first + u.count;
  EXPECT_TRUE(asked);
  EXPECT_EQ(cache->cached_frame_for_mapping(3).value_or(PhysAddr()), mapped);
  cache->release_frame(mapped, false);
  cache->release_frame(mapped, false);
  EXPECT_EQ(fake::read_all(*open("/size-400000")), pattern(400000));
}

TEST_F(Erofs, WritingCopiesOnlyThePagesThatChange) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  auto file = vfs_open(nullptr, "/size-400000", kOpenReadWrite, 0).take();
  char text[] = "changed";
  IoBuffer from(text, 7);
  ASSERT_EQ(file->write_at(from, 123456).value_or(0), 7u);
  EXPECT_EQ(file->status().value().blocks, 8u);  // one page
  std::string expected = pattern(400000);
  expected.replace(123456, 7, "changed");
  EXPECT_EQ(fake::read_all(*file), expected);
  // Cut and grown again, the rest reads as zeros and not as what the layer has.
  ASSERT_TRUE(file->truncate(130000).ok());
  ASSERT_TRUE(file->truncate(200000).ok());
  expected.resize(130000);
  expected.resize(200000);
  EXPECT_EQ(fake::read_all(*open("/size-400000")), expected);
}

TEST_F(Erofs, AMappingFromBeforeTheFirstWriteIsToldOfEachPageThatChanges) {
  auto* disk = new fake::MemoryDisk(image_);
  BlockDevice* layers[] = {disk};
  ASSERT_TRUE(mount_root(layers).ok());
  auto cache = open("/size-400000")->vnode()->cache().take();
  EXPECT_FALSE(cache->may_change());
  const PhysAddr before = cache->frame_for_mapping(3, false).take();
  const PhysAddr neighbour = cache->frame_for_mapping(4, false).take();
  auto file = vfs_open(nullptr, "/size-400000", kOpenReadWrite, 0).take();
  EXPECT_EQ(file->vnode()->cache().take().get(), cache.get());
  EXPECT_TRUE(cache->may_change());
  fake::take_unmapped();
  char text[] = "changed";
  IoBuffer from(text, 7);
  ASSERT_EQ(file->write_at(from, 3 * kPageSize + 5).value_or(0), 7u);
  const auto unmapped = fake::take_unmapped();
  ASSERT_EQ(unmapped.size(), 1u);
  EXPECT_EQ(unmapped[0].first, 3u);
  EXPECT_EQ(unmapped[0].count, 1u);
  const PhysAddr after = cache->cached_frame_for_mapping(3).take();
  EXPECT_NE(after, before);
  EXPECT_EQ(std::string_view(static_cast<const char*>(direct_map(after)) + 5, 7), "changed");
  EXPECT_EQ(cache->cached_frame_for_mapping(4).take(), neighbour);
  for (const PhysAddr frame : {before, after, neighbour, neighbour}) cache->release_frame(frame, false);
  // Once it has its own frame nobody is told any more.
  IoBuffer again(text, 7);
  ASSERT_EQ(file->write_at(again, 3 * kPageSize).value_or(0), 7u);
  EXPECT_TRUE(fake::take_unmapped().empty());
}

TEST_F(Erofs, HolesArePunchedInPagesAndMappingsAreTold) {
  auto memory = vfs_create_memfd("heap", 0).take();
  ASSERT_TRUE(memory->truncate(10 * kPageSize).ok());
  ASSERT_TRUE(vfs_allocate(*memory, 0, 0, 10 * kPageSize).ok());
  EXPECT_EQ(memory->status().value().blocks, 80u);
  fake::take_unmapped();
  ASSERT_TRUE(vfs_allocate(*memory, 3, kPageSize, 2 * kPageSize).ok());  // PUNCH_HOLE | KEEP_SIZE
  EXPECT_EQ(memory->status().value().blocks, 64u);
  const auto unmapped = fake::take_unmapped();
  ASSERT_EQ(unmapped.size(), 1u);
  EXPECT_EQ(unmapped[0].first, 1u);
  EXPECT_EQ(unmapped[0].count, 2u);
  EXPECT_FALSE(unmapped[0].private_copies);
  EXPECT_EQ(memory->seek(0, Whence::kHole).value_or(0), kPageSize);
  EXPECT_EQ(memory->seek(kPageSize, Whence::kData).value_or(0), 3 * kPageSize);
  ASSERT_TRUE(memory->truncate(5 * kPageSize).ok());
  EXPECT_TRUE(fake::take_unmapped()[0].private_copies);
  EXPECT_EQ(memory->page_source().value()->frame_for_mapping(5, true).error(), Errno::kENXIO);
}

}  // namespace
}  // namespace mokapot
