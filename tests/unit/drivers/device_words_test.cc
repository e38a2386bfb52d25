// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/device_words.cc

#include <gtest/gtest.h>

#include "drivers/platform.h"

namespace mokapot {
namespace {

Platform parse(std::string_view command_line) {
  Platform platform;
  parse_device_words(command_line, platform);
  return platform;
}

TEST(VirtioMmioWords, AsMicrovmWritesThem) {
  const Platform platform = parse(
      "mokapot.verbose virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11");
  ASSERT_EQ(platform.virtio_mmio.size(), 2u);
  EXPECT_EQ(platform.virtio_mmio[0].address, PhysAddr(0xfeb0'0e00));
  EXPECT_EQ(platform.virtio_mmio[0].size, 512u);
  EXPECT_EQ(platform.virtio_mmio[0].line, 12u);
  EXPECT_EQ(platform.virtio_mmio[0].trigger, Trigger::kEdge);
  EXPECT_EQ(platform.virtio_mmio[1].line, 11u);
}

TEST(VirtioMmioWords, AsFirecrackerWritesThem) {
  const Platform platform = parse("virtio_mmio.device=4K@0xd0000000:5:0");
  ASSERT_EQ(platform.virtio_mmio.size(), 1u);
  EXPECT_EQ(platform.virtio_mmio[0].size, 4096u);
  EXPECT_EQ(platform.virtio_mmio[0].line, 5u);
}

TEST(VirtioMmioWords, ADeviceNamedTwiceIsOne) {
  EXPECT_EQ(
      parse("virtio_mmio.device=512@0x1000:5 virtio_mmio.device=512@0x1000:5").virtio_mmio.size(),
      1u);
}

TEST(VirtioMmioWords, NonsenseIsPassedOver) {
  for (const char* word :
       {"virtio_mmio.device=", "virtio_mmio.device=512", "virtio_mmio.device=512@",
        "virtio_mmio.device=512@0x10",
        "virtio_mmio.device=512@0x10:", "virtio_mmio.device=512@0x10:5x",
        "virtio_mmio.device=0@0x10:5", "virtio_mmio.device=512@0:5",
        "virtio_mmio.device=99999999999@0x10:5", "virtio_mmio.device=4096M@0x10:5",
        "virtio_mmio.device=512@0x10000000000000000:5", "virtio_mmio.device=512@0x10:99999999999",
        "virtio_mmio.device=0x@0x10:5", "virtio_mmio.devices=512@0x10:5", "", " ", "  "}) {
    EXPECT_EQ(parse(word).virtio_mmio.size(), 0u) << word;
  }
  EXPECT_EQ(parse("virtio_mmio.device=1@ virtio_mmio.device=512@0x1000:5").virtio_mmio.size(), 1u);
}

TEST(VirtioMmioWords, MoreThanThereIsRoomForAreCounted) {
  std::string line;
  for (int i = 1; i <= 50; ++i)
    line += "virtio_mmio.device=512@" + std::to_string(i * 4096) + ":5 ";
  const Platform platform = parse(line);
  EXPECT_EQ(platform.virtio_mmio.size() + platform.virtio_mmio.dropped(), 50u);
}

TEST(MappedDiskWords, AsMokaWritesThem) {
  const Platform platform = parse("mokapot.mapped-disk=runtime@0x10 x mokapot.mapped-disk=application@0x11");
  ASSERT_EQ(platform.mapped_disks.size(), 2u);
  EXPECT_STREQ(platform.mapped_disks[0].serial, "runtime");
  EXPECT_EQ(platform.mapped_disks[0].device, 16);
  EXPECT_STREQ(platform.mapped_disks[1].serial, "application");
  EXPECT_EQ(platform.mapped_disks[1].device, 17);
}

TEST(MappedDiskWords, NonsenseNamesNoDisk) {
  for (const char* word : {"mokapot.mapped-disk", "mokapot.mapped-disk=", "mokapot.mapped-disk=@1", "mokapot.mapped-disk=a",
                           "mokapot.mapped-disk=a@", "mokapot.mapped-disk=a@32", "mokapot.mapped-disk=a@x",
                           "mokapot.mapped-disk=a@1z", "mokapot.mapped-diskette=a@1",
                           "mokapot.mapped-disk=a-name-that-is-too-long@1"}) {
    EXPECT_EQ(parse(word).mapped_disks.size(), 0u) << word;
  }
}

}  // namespace
}  // namespace mokapot
