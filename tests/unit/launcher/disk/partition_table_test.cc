// SPDX-License-Identifier: Apache-2.0
//
// What the launcher writes, its own reader and the kernel's understand.
//
// sources: launcher/disk/guid.cc launcher/disk/partition_table.cc
// sources: kernel/device/guid_partition_table.cc
// libs: -lz

#include "disk/partition_table.h"

#include <gtest/gtest.h>

#include "device/guid_partition_table.h"

namespace moka {
namespace {

std::vector<Partition> some_partitions() {
  return {{"first", kBiosBootType, Guid::from_digest(std::string(32, '1')), 1000, 0},
          {"second", kLinuxDataType, Guid::from_digest(std::string(32, 'a')), 3u << 20, 0}};
}

// The whole disk as bytes.
std::string disk_of(std::vector<Partition>& partitions) {
  const std::uint64_t size = place_partitions(partitions);
  const EncodedTable table =
      encode_partition_table(partitions, size, Guid::from_digest(std::string(32, '7')), "code");
  std::string disk = table.front;
  disk.resize(size - table.back.size());
  return disk + table.back;
}

std::span<const std::byte> block_of(const std::string& disk, std::uint64_t block,
                                    std::size_t size = kBlockSize) {
  return std::as_bytes(std::span(disk)).subspan(block * kBlockSize, size);
}

TEST(Guid, IsWrittenAndReadInBothForms) {
  const Guid guid = Guid::from_text("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
  EXPECT_EQ(guid, kEfiSystemType);
  EXPECT_EQ(guid.text(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
  EXPECT_EQ(guid.disk_bytes().substr(0, 8), "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11");
  EXPECT_EQ(Guid::from_disk(guid.disk_bytes()), guid);
  EXPECT_EQ(Guid::from_digest("00112233445566778899aabbccddeeff00").text(),
            "00112233-4455-8677-8899-aabbccddeeff");
}

TEST(PartitionTable, AlignsPartitionsAndKeepsThemApart) {
  std::vector<Partition> partitions = some_partitions();
  const std::uint64_t size = place_partitions(partitions);
  EXPECT_EQ(partitions[0].offset, kPartitionAlignment);
  EXPECT_EQ(partitions[1].offset, 2 * kPartitionAlignment);
  EXPECT_EQ(size, (3u << 20) + 3 * kPartitionAlignment);  // the backup is behind the last
}

TEST(PartitionTable, IsReadAsItWasWritten) {
  std::vector<Partition> partitions = some_partitions();
  const std::string disk = disk_of(partitions);
  EXPECT_EQ(disk.substr(0, 4), "code");
  EXPECT_EQ(disk.substr(510, 2), "\x55\xaa");
  ASSERT_TRUE(has_partition_table(disk));
  const auto read = read_partition_table(disk);
  ASSERT_TRUE(read);
  ASSERT_EQ(read.value().size(), 2u);
  EXPECT_EQ(read.value()[1].name, "second");
  EXPECT_EQ(read.value()[1].guid, partitions[1].guid);
  EXPECT_EQ(read.value()[1].offset, partitions[1].offset);
  EXPECT_EQ(read.value()[1].size, partitions[1].size);
  EXPECT_EQ(read.value()[0].size, 1024u);  // whole blocks
}

TEST(PartitionTable, TheKernelReadsItFromBothEndsOfTheDisk) {
  std::vector<Partition> partitions = some_partitions();
  const std::string disk = disk_of(partitions);
  const std::uint64_t blocks = disk.size() / kBlockSize;
  for (const std::uint64_t block : {std::uint64_t{1}, blocks - 1}) {
    const auto header = mokapot::parse_gpt_header(block_of(disk, block), block, blocks);
    ASSERT_TRUE(header.ok());
    const auto entries =
        block_of(disk, header.value().entries_block, header.value().entries_bytes());
    EXPECT_EQ(mokapot::gpt_checksum(entries), header.value().entries_checksum);
    const auto entry = mokapot::parse_gpt_entry(header.value(), entries, 1);
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(entry.value().guid, partitions[1].guid.text());
    EXPECT_EQ(entry.value().first * kBlockSize, partitions[1].offset);
    EXPECT_EQ((entry.value().last + 1) * kBlockSize, partitions[1].offset + partitions[1].size);
    EXPECT_FALSE(mokapot::parse_gpt_entry(header.value(), entries, 2).ok());
  }
}

TEST(PartitionTable, DamageIsFoundByBothReaders) {
  std::vector<Partition> partitions = some_partitions();
  const std::string disk = disk_of(partitions);
  const std::uint64_t blocks = disk.size() / kBlockSize;
  for (std::size_t at = kBlockSize; at < kBlockSize + 92; ++at) {
    std::string damaged = disk;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(read_partition_table(damaged)) << at;
    EXPECT_FALSE(mokapot::parse_gpt_header(block_of(damaged, 1), 1, blocks).ok()) << at;
  }
  std::string damaged = disk;
  damaged[2 * kBlockSize + 40] ^= 1;
  EXPECT_FALSE(read_partition_table(damaged));
  EXPECT_FALSE(read_partition_table(disk.substr(0, kTableBytes - 1)));
  EXPECT_FALSE(mokapot::parse_gpt_header(block_of(disk, 1), 1, 100).ok());  // a shorter disk
}

}  // namespace
}  // namespace moka
