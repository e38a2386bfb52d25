// SPDX-License-Identifier: Apache-2.0
//
// Sizes and places of memory BARs, on a bus that is an array of configuration spaces.
//
// sources: kernel/drivers/pci_place.cc kernel/drivers/pci_layout.cc

#include "drivers/pci_place.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "drivers/pci_layout.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMiB = 1 << 20, kGiB = 1 << 30;
constexpr std::uint16_t kMemoryBit = 2;

struct Function {
  std::uint64_t size;     // of the memory behind BAR 2; 0: none
  std::uint64_t address;  // where that is
  std::uint16_t command = 0;
  bool answered_while_sized = false;
};
std::vector<Function> bus;

std::uint32_t bar_word(const Function& f, bool upper) {
  if (f.size == 0) return 0;
  const std::uint64_t value = (f.address & ~(f.size - 1)) | 0xc;  // 64 bits, prefetchable
  return static_cast<std::uint32_t>(upper ? value >> 32 : value);
}

}  // namespace

std::uint32_t pci_read32(PciAddress address, std::uint32_t offset) {
  const Function& f = bus[address.device];
  if (offset == pci::kCommand) return f.command;
  if (offset == pci::kFirstBar + 8) return bar_word(f, false);
  if (offset == pci::kFirstBar + 12) return bar_word(f, true);
  return 0;
}
std::uint16_t pci_read16(PciAddress address, std::uint32_t offset) {
  return static_cast<std::uint16_t>(pci_read32(address, offset));
}
void pci_write32(PciAddress address, std::uint32_t offset, std::uint32_t value) {
  Function& f = bus[address.device];
  f.answered_while_sized |= (f.command & kMemoryBit) != 0;
  if (offset == pci::kFirstBar + 8) f.address = (f.address & ~std::uint64_t{UINT32_MAX}) | value;
  if (offset == pci::kFirstBar + 12) f.address = (f.address & UINT32_MAX) | (std::uint64_t{value} << 32);
}
void pci_write16(PciAddress address, std::uint32_t offset, std::uint16_t value) {
  if (offset == pci::kCommand) bus[address.device].command = value;
}
PciConfiguration read_pci_configuration(PciAddress address) {
  PciConfiguration bytes{};
  for (std::uint32_t offset = 0; offset < bytes.size(); offset += 4) {
    const std::uint32_t word = pci_read32(address, offset);
    std::memcpy(bytes.data() + offset, &word, sizeof(word));
  }
  return bytes;
}
void for_each_pci_function(void (*visit)(PciAddress function, void* context), void* context) {
  for (std::size_t i = 0; i < bus.size(); ++i) visit({0, static_cast<std::uint8_t>(i), 0}, context);
}

namespace {

// First, since what has been given away and whether there is firmware are known for the life of the machine.
TEST(PciPlace, AMachineWithoutFirmwareHasItsWindowsFilled) {
  Platform platform;
  platform.pci_windows.add({PhysAddr(0xc000'0000), 512 * kMiB});
  platform.pci_windows.add({PhysAddr(0x80'0000'0000), 2 * kGiB});
  bus = {{256 * kMiB, 0}, {2 * kMiB, 0}, {0, 0}, {2 * kGiB, 0}, {512 * kMiB, 0}, {kGiB, 0}};

  const auto first = place_memory_bar({0, 0, 0}, 2, platform);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().begin, PhysAddr(0x80'0000'0000));
  EXPECT_EQ(first.value().size, 256 * kMiB);
  EXPECT_EQ(bus[0].address & ~std::uint64_t{0xf}, 0x80'0000'0000u);
  EXPECT_NE(bus[0].command & kMemoryBit, 0);
  EXPECT_EQ(place_memory_bar({0, 1, 0}, 2, platform).value().begin, PhysAddr(0x80'1000'0000));
  // 2 GiB, as much as the window has, no longer fit; 1 GiB does behind a gap, then 512 MiB only below 4 GiB.
  EXPECT_EQ(place_memory_bar({0, 3, 0}, 2, platform).error(), Errno::kENOSPC);
  EXPECT_EQ(place_memory_bar({0, 5, 0}, 2, platform).value().begin, PhysAddr(0x80'4000'0000));
  EXPECT_EQ(place_memory_bar({0, 4, 0}, 2, platform).value().begin, PhysAddr(0xc000'0000));
}

TEST(PciPlace, WhereFirmwareHasPlacedIt) {
  Platform platform;
  bus = {{256 * kMiB, 0x9000'0000, kMemoryBit}};
  const auto placed = place_memory_bar({0, 0, 0}, 2, platform);
  ASSERT_TRUE(placed.ok());
  EXPECT_EQ(placed.value().begin, PhysAddr(0x9000'0000));
  EXPECT_EQ(placed.value().size, 256 * kMiB);
  EXPECT_FALSE(bus[0].answered_while_sized);
  EXPECT_NE(bus[0].command & kMemoryBit, 0);
}

TEST(PciPlace, WhatTheDirectMapHasNoRoomForIsRefused) {
  Platform platform;
  bus = {{256 * kMiB, kDirectMapSize}};
  EXPECT_EQ(place_memory_bar({0, 0, 0}, 2, platform).error(), Errno::kENOSPC);
  bus = {{256 * kMiB, kDirectMapSize - 256 * kMiB}};
  EXPECT_TRUE(place_memory_bar({0, 0, 0}, 2, platform).ok());
}

TEST(PciPlace, NoSuchBarAndOnesThatAreTooSmall) {
  Platform platform;
  bus = {{0, 0}, {2048, 0x9000'0000}};
  EXPECT_EQ(place_memory_bar({0, 0, 0}, 2, platform).error(), Errno::kENXIO);
  EXPECT_EQ(place_memory_bar({0, 1, 0}, 2, platform).error(), Errno::kENXIO);
}

}  // namespace
}  // namespace mokapot
