// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_mmio_words.cc

#include <gtest/gtest.h>

#include "drivers/platform.h"

namespace mokapot {
namespace {

Platform parse(std::string_view command_line) {
  Platform platform;
  parse_virtio_mmio_words(command_line, platform);
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

}  // namespace
}  // namespace mokapot
