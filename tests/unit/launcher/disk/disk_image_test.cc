// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/disk/disk_image.cc launcher/disk/guid.cc launcher/disk/partition_table.cc
// sources: launcher/support/files.cc launcher/support/interruption.cc
// libs: -lz

#include "disk/disk_image.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "launcher/temporary_directory.h"
#include "support/files.h"

namespace moka {
namespace {

TEST(DiskImage, HoldsEachPartitionWhereItsTableSays) {
  test::TemporaryDirectory place;
  // Holes in front, inside and at an odd end.
  std::string bytes(3u << 20, '\0');
  bytes.replace(5000, 3, "abc");
  bytes.replace(bytes.size() - 2, 2, "yz");
  const std::string from_file = std::string(100000, 'f') + std::string(9000, '\0') + "end";
  std::vector<PartitionContent> contents(2);
  contents[0] = {
      {"one", kLinuxDataType, Guid::from_digest(std::string(32, '1')), bytes.size(), 0}, bytes, ""};
  contents[1] = {
      {"two", kLinuxDataType, Guid::from_digest(std::string(32, '2')), from_file.size(), 0},
      "",
      place.write("content", from_file)};
  const std::string path = place.path() + "/disk";
  {
    const auto fd = create_file(path, 0600);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(write_disk(fd.value().get(), path, contents, {}, ""));
  }
  const std::string disk = read_file(path, 16u << 20).value();
  const auto partitions = read_partition_table(disk);
  ASSERT_TRUE(partitions);
  EXPECT_EQ(disk.substr(partitions.value()[0].offset, bytes.size()), bytes);
  EXPECT_EQ(disk.substr(partitions.value()[1].offset, from_file.size()), from_file);
  struct stat status {};
  ASSERT_EQ(0, ::stat(path.c_str(), &status));
  EXPECT_LT(status.st_blocks * 512, 1 << 20);  // zeros take no room
}

TEST(DiskImage, AFileThatShrinksIsAnError) {
  test::TemporaryDirectory place;
  std::vector<PartitionContent> contents{
      {{"one", kLinuxDataType, {}, 100, 0}, "", place.write("content", "short")}};
  const std::string path = place.path() + "/disk";
  const auto fd = create_file(path, 0600);
  EXPECT_FALSE(write_disk(fd.value().get(), path, contents, {}, ""));
}

}  // namespace
}  // namespace moka
