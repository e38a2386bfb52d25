// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/pci_layout.cc

#include "drivers/pci_layout.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace mokapot::pci {
namespace {

// A configuration space to be filled in; begins as QEMU's modern virtio-blk function.
class Space {
 public:
  Space() {
    put16(kVendor, 0x1af4);
    put16(kDeviceId, 0x1042);
    put16(kStatus, 0x0010);
    put32(kFirstBar + 4 * 1, 0xfebd'1000);  // 32-bit memory
    put32(kFirstBar + 4 * 4, 0x0000'400c);  // 64-bit, prefetchable
    put32(kFirstBar + 4 * 5, 0x0000'00fe);
    bytes_[kCapabilities] = 0x98;
    put_msix(0x98, 0x84);
    put_virtio(0x84, 0x70, 5, 0, 0, 0);  // configuration access through PCI: not used
    put_virtio(0x70, 0x60, 2, 4, 0x3000, 0x1000);
    put32(0x70 + 16, 4);
    put_virtio(0x60, 0x50, 4, 4, 0x2000, 0x1000);
    put_virtio(0x50, 0x40, 3, 4, 0x1000, 0x1000);
    put_virtio(0x40, 0x00, 1, 4, 0x0000, 0x1000);
  }
  void put8(std::uint32_t offset, std::uint8_t value) { bytes_[offset] = value; }
  void put16(std::uint32_t offset, std::uint16_t value) { std::memcpy(&bytes_[offset], &value, 2); }
  void put32(std::uint32_t offset, std::uint32_t value) { std::memcpy(&bytes_[offset], &value, 4); }
  void put_virtio(std::uint8_t at, std::uint8_t next, std::uint8_t type, std::uint8_t bar,
                  std::uint32_t offset, std::uint32_t size) {
    bytes_[at] = 0x09;
    bytes_[at + 1u] = next;
    bytes_[at + 2u] = type == 2 ? 20 : 16;
    bytes_[at + 3u] = type;
    bytes_[at + 4u] = bar;
    put32(at + 8u, offset);
    put32(at + 12u, size);
  }
  void put_msix(std::uint8_t at, std::uint8_t next) {
    bytes_[at] = 0x11;
    bytes_[at + 1u] = next;
    put16(at + 2u, 1);      // two entries
    put32(at + 4u, 0 | 1);  // table at the start of BAR 1
  }
  Configuration view() const { return bytes_; }

 private:
  std::array<std::uint8_t, 256> bytes_{};
};

TEST(PciLayout, FindsWhatQemuOffers) {
  const Space space;
  EXPECT_EQ(virtio_type(space.view()), 2);
  const auto layout = find_virtio_layout(space.view());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->common.bar, 4);
  EXPECT_EQ(layout->common.offset, 0u);
  EXPECT_EQ(layout->notify.offset, 0x3000u);
  EXPECT_EQ(layout->notify_multiplier, 4u);
  EXPECT_EQ(layout->isr.offset, 0x1000u);
  ASSERT_TRUE(layout->device);
  EXPECT_EQ(layout->device->offset, 0x2000u);
  EXPECT_EQ(memory_bar(space.view(), 4), PhysAddr(0xfe'0000'4000));
  EXPECT_EQ(memory_bar(space.view(), 1), PhysAddr(0xfebd'1000));
  const auto msix = find_msix(space.view());
  ASSERT_TRUE(msix);
  EXPECT_EQ(msix->offset, 0x98);
  EXPECT_EQ(msix->table_size, 2);
  EXPECT_EQ(msix->table.bar, 1);
  EXPECT_EQ(msix->table.size, 32u);
}

TEST(PciLayout, ALegacyDeviceHasNoLayout) {
  Space space;
  space.put16(kDeviceId, 0x1001);
  space.put16(kSubsystem, 2);
  EXPECT_EQ(virtio_type(space.view()), 2);
  space.put16(kStatus, 0);  // no capabilities at all
  EXPECT_FALSE(find_virtio_layout(space.view()));
  EXPECT_FALSE(find_msix(space.view()));
}

TEST(PciLayout, OtherVendorsAndNumbersAreNotVirtio) {
  Space space;
  space.put16(kVendor, 0x8086);
  EXPECT_FALSE(virtio_type(space.view()));
  space.put16(kVendor, 0x1af4);
  space.put16(kDeviceId, 0x1100);  // inter-VM shared memory
  EXPECT_FALSE(virtio_type(space.view()));
}

TEST(PciLayout, BarsWithoutMemoryDoNotCount) {
  Space space;
  space.put32(kFirstBar + 4 * 4, 0x0000'c001);  // ports
  space.put32(kFirstBar + 4 * 5, 0);
  EXPECT_FALSE(memory_bar(space.view(), 4));
  EXPECT_FALSE(find_virtio_layout(space.view()));
  EXPECT_FALSE(memory_bar(space.view(), 5));  // empty
  EXPECT_FALSE(memory_bar(space.view(), 6));  // no such thing
  space.put32(kFirstBar + 4 * 5, 0x0000'4004);
  EXPECT_FALSE(memory_bar(space.view(), 5));  // 64 bits, but there is no second half
}

TEST(PciLayout, TheFirstUsableOfAKindIsTaken) {
  Space space;
  space.put_virtio(0x84, 0x70, 1, 0, 0, 0x1000);  // in BAR 0, which is empty
  auto layout = find_virtio_layout(space.view());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->common.bar, 4);
  space.put_virtio(0x84, 0x70, 1, 1, 0x800, 0x100);
  layout = find_virtio_layout(space.view());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->common.bar, 1);
}

TEST(PciLayout, LoopsAndStrayPointersEnd) {
  Space space;
  space.put8(0x41, 0x98);  // the last capability points to the first
  EXPECT_TRUE(find_virtio_layout(space.view()));
  space.put8(kCapabilities, 0xff);  // a capability that would run past the end
  space.put8(0xfc, 0x09);
  space.put8(0xfd, 0xfc);
  EXPECT_FALSE(find_virtio_layout(space.view()));
  space.put8(0xfc, 0x11);
  EXPECT_FALSE(find_msix(space.view()));
  space.put8(kCapabilities, 0x08);  // inside the header
  EXPECT_FALSE(find_virtio_layout(space.view()));
}

}  // namespace
}  // namespace mokapot::pci
