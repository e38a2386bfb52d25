// SPDX-License-Identifier: Apache-2.0
//
// The kernel's partitions on a disk that the launcher made.
//
// sources: kernel/device/partition.cc kernel/device/guid_partition_table.cc
// sources: kernel/device/block_device.cc tests/unit/drivers/fake_blocking.cc
// sources: launcher/disk/guid.cc launcher/disk/partition_table.cc
// libs: -lz

#include "device/partition.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "disk/partition_table.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

// Answers at once.
class MemoryDisk final : public BlockDevice {
 public:
  explicit MemoryDisk(std::string contents) : contents_(std::move(contents)) {}
  const char* serial() const override { return "disk"; }
  std::uint64_t size() const override { return contents_.size(); }
  std::uint32_t sector_size() const override { return 512; }
  bool read_only() const override { return true; }
  std::size_t max_segments() const override { return 1; }
  void submit(BlockRequest& request) override {
    std::uint64_t at = request.offset;
    for (const PhysSegment& segment : request.segments) {
      if (at + segment.size > contents_.size()) return request.done(request, Errno::kEIO);
      std::memcpy(direct_map(segment.address), contents_.data() + at, segment.size);
      at += segment.size;
    }
    request.done(request, {});
  }
  std::string& contents() { return contents_; }

 private:
  std::string contents_;
};

const moka::Guid kSecond = moka::Guid::from_digest(std::string(32, 'b'));

std::string disk_with_two_partitions() {
  std::vector<moka::Partition> partitions{
      {"first", moka::kLinuxDataType, moka::Guid::from_digest(std::string(32, '1')), 4096, 0},
      {"second", moka::kLinuxDataType, kSecond, 4096, 0}};
  const std::uint64_t size = moka::place_partitions(partitions);
  const moka::EncodedTable table = moka::encode_partition_table(partitions, size, {}, "");
  std::string disk = table.front;
  disk.resize(size - table.back.size());
  disk += table.back;
  disk.replace(partitions[1].offset, 6, "inside");
  disk.replace(partitions[1].offset + 4096, 7, "outside");
  return disk;
}

class Partitions : public testing::Test {
 protected:
  // The registry keeps disks for ever.
  static MemoryDisk& disk() {
    static MemoryDisk* const made = [] {
      auto* fresh = new MemoryDisk(disk_with_two_partitions());
      EXPECT_TRUE(register_block_device(fresh).ok());
      return fresh;
    }();
    return *made;
  }
  void SetUp() override { disk().contents() = disk_with_two_partitions(); }

  // Kept, as the kernel keeps them.
  static BlockDevice* find(const std::string& guid) {
    static auto* const found = new std::vector<BlockDevice*>;
    return found->emplace_back(find_partition(guid));
  }
};

TEST_F(Partitions, AreDisksOfTheirOwn) {
  BlockDevice* const partition = find(kSecond.text());
  ASSERT_NE(partition, nullptr);
  EXPECT_EQ(partition->size(), 4096u);
  EXPECT_EQ(kSecond.text(), partition->serial());
  const PhysAddr frame = allocate_frame(FrameUse::kKernel, FrameContents::kZeroed).take();
  const PhysSegment segment{frame, 512};
  ASSERT_TRUE(partition->transfer(BlockRequest::Kind::kRead, 0, {&segment, 1}).ok());
  EXPECT_EQ(std::string_view(static_cast<const char*>(direct_map(frame)), 6), "inside");
  // What is behind belongs to somebody else.
  EXPECT_FALSE(partition->transfer(BlockRequest::Kind::kRead, 4096, {&segment, 1}).ok());
  EXPECT_FALSE(
      partition->transfer(BlockRequest::Kind::kRead, UINT64_MAX - 511, {&segment, 1}).ok());
  free_frame(frame);
}

TEST_F(Partitions, AreFoundByTheBackupWhereTheTableIsDamaged) {
  disk().contents()[512 + 60] ^= 1;
  EXPECT_NE(find(kSecond.text()), nullptr);
  disk().contents()[disk().contents().size() - 512 + 60] ^= 1;
  EXPECT_EQ(find(kSecond.text()), nullptr);
}

TEST_F(Partitions, OfOtherNamesAreNotFound) {
  EXPECT_EQ(find("00000000-0000-0000-0000-000000000000"), nullptr);
  EXPECT_EQ(find(""), nullptr);
  disk().contents() = std::string(1 << 20, '\0');
  EXPECT_EQ(find(kSecond.text()), nullptr);
  disk().contents() = "";
  EXPECT_EQ(find(kSecond.text()), nullptr);
}

}  // namespace
}  // namespace mokapot
