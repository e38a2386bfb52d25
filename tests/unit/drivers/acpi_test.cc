// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/acpi_tables.cc kernel/drivers/acpi_dsdt.cc
// sources: kernel/drivers/device_words.cc

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "drivers/acpi_tables.h"

namespace mokapot::acpi {
namespace {

// A table in the making.
class Table {
 public:
  explicit Table(std::string_view signature, std::size_t size = kHeaderSize) : bytes_(size, 0) {
    std::memcpy(bytes_.data(), signature.data(), signature.size());
  }
  Table& append(std::initializer_list<int> bytes) {
    for (const int byte : bytes) bytes_.push_back(static_cast<std::uint8_t>(byte));
    return *this;
  }
  Table& append(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  template <typename T>
  Table& put(std::size_t offset, T value) {
    if (bytes_.size() < offset + sizeof(T)) bytes_.resize(offset + sizeof(T));
    std::memcpy(&bytes_[offset], &value, sizeof(T));
    return *this;
  }
  // Length and checksum filled in.
  Bytes finish() {
    put(4, static_cast<std::uint32_t>(bytes_.size()));
    put(9, std::uint8_t{0});
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes_) sum = static_cast<std::uint8_t>(sum + byte);
    put(9, static_cast<std::uint8_t>(-sum));
    return bytes_;
  }
  Bytes view() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

void fix_sum(std::vector<std::uint8_t>& bytes, std::size_t at, std::size_t size) {
  bytes[at] = 0;
  std::uint8_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum = static_cast<std::uint8_t>(sum + bytes[i]);
  bytes[at] = static_cast<std::uint8_t>(-sum);
}

std::vector<std::uint8_t> root_pointer(std::uint8_t revision, std::uint32_t narrow,
                                       std::uint64_t wide) {
  std::vector<std::uint8_t> bytes(kRootPointerSize, 0);
  std::memcpy(bytes.data(), "RSD PTR ", 8);
  bytes[15] = revision;
  std::memcpy(&bytes[16], &narrow, 4);
  std::memcpy(&bytes[24], &wide, 8);
  fix_sum(bytes, 8, 20);
  fix_sum(bytes, 32, kRootPointerSize);
  return bytes;
}

TEST(AcpiRoot, BothRevisions) {
  const auto old = parse_root_pointer(root_pointer(0, 0x7fe'1aff, 0));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->table, PhysAddr(0x7fe'1aff));
  EXPECT_FALSE(old->wide_entries);
  const auto current = parse_root_pointer(root_pointer(2, 0, 0xe'ffc6));
  ASSERT_TRUE(current);
  EXPECT_EQ(current->table, PhysAddr(0xe'ffc6));
  EXPECT_TRUE(current->wide_entries);
}

TEST(AcpiRoot, AWrongSecondSumFallsBackToTheFirst) {
  auto bytes = root_pointer(2, 0x1000, 0x2000);
  ++bytes[33];
  const auto root = parse_root_pointer(bytes);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->table, PhysAddr(0x1000));
}

TEST(AcpiRoot, FoundOnlyWhereItIsValidAndAligned) {
  std::vector<std::uint8_t> area(4096, 0);
  const auto root = root_pointer(0, 0x1000, 0);
  std::memcpy(&area[24], root.data(), root.size());  // not on 16 bytes
  EXPECT_FALSE(find_root_pointer(area));
  std::memcpy(&area[512], "RSD PTR ", 8);  // a string in the firmware
  EXPECT_FALSE(find_root_pointer(area));
  std::memcpy(&area[1024], root.data(), root.size());
  EXPECT_EQ(find_root_pointer(area), 1024u);
  // At the very end, where only the first part fits.
  std::vector<std::uint8_t> tail(16, 0);
  tail.insert(tail.end(), root.begin(), root.begin() + 20);
  EXPECT_EQ(find_root_pointer(tail), 16u);
}

TEST(AcpiTable, HeadersAndSums) {
  Table table("APIC");
  const Bytes bytes = table.finish();
  ASSERT_TRUE(parse_header(bytes));
  EXPECT_TRUE(parse_header(bytes)->is("APIC"));
  EXPECT_FALSE(parse_header(bytes)->is("FACP"));
  EXPECT_TRUE(checksum_is_good(bytes));
  EXPECT_FALSE(parse_header(bytes.first(kHeaderSize - 1)));
  EXPECT_FALSE(parse_header(Table("XXXX").put(4, std::uint32_t{35}).view()));
  EXPECT_FALSE(parse_header(Table("XXXX").put(4, std::uint32_t{0xffff'ffff}).view()));
}

TEST(AcpiTable, RootEntriesOfEitherWidth) {
  Table narrow("RSDT");
  narrow.put(kHeaderSize, std::uint32_t{0x1000}).put(kHeaderSize + 4, std::uint32_t{0x2000});
  narrow.append({1, 2});  // half an entry
  EXPECT_EQ(root_table_entry(narrow.view(), false, 1), PhysAddr(0x2000));
  EXPECT_FALSE(root_table_entry(narrow.view(), false, 2));
  Table wide("XSDT");
  wide.put(kHeaderSize, std::uint64_t{0x1'0000'1000});
  EXPECT_EQ(root_table_entry(wide.view(), true, 0), PhysAddr(0x1'0000'1000));
  EXPECT_FALSE(root_table_entry(wide.view(), true, 1));
  EXPECT_FALSE(root_table_entry(wide.view(), true, SIZE_MAX));
  EXPECT_FALSE(root_table_entry({}, true, 0));
}

// As QEMU's pc has it, with a disabled CPU and an x2APIC entry besides.
Table madt() {
  Table table("APIC");
  table.put(36, std::uint32_t{0xfee0'0000}).put(40, std::uint32_t{1});
  table.append({0, 8, 0, 0, 1, 0, 0, 0});
  table.append({0, 8, 1, 1, 1, 0, 0, 0});
  table.append({0, 8, 2, 2, 0, 0, 0, 0});  // may be plugged in later
  table.append({9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0});
  table.append({9, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0});  // CPU 1 again
  table.append({1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0});
  table.append({1, 12, 1, 0, 0, 0, 0xc1, 0xfe, 24, 0, 0, 0});
  table.append({2, 10, 0, 0, 2, 0, 0, 0, 0, 0});
  table.append({2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0});
  table.append({2, 10, 0, 7, 7, 0, 0, 0, 0x0f, 0});
  table.append({4, 6, 0xff, 0, 0, 1});
  return table;
}

TEST(AcpiMadt, CpusControllersAndOverrides) {
  Platform platform;
  parse_madt(madt().view(), platform);
  ASSERT_EQ(platform.cpus.size(), 3u);
  EXPECT_EQ(platform.cpus[1].apic_id, 1u);
  EXPECT_EQ(platform.cpus[2].apic_id, 0x12cu);
  ASSERT_EQ(platform.io_apics.size(), 2u);
  EXPECT_EQ(platform.io_apics[1].address, PhysAddr(0xfec1'0000));
  EXPECT_EQ(platform.io_apics[1].first_line, 24u);
  ASSERT_EQ(platform.overrides.size(), 3u);
  EXPECT_EQ(platform.overrides[0].line, 2u);
  EXPECT_EQ(platform.overrides[0].trigger, Trigger::kEdge);
  EXPECT_EQ(platform.overrides[1].trigger, Trigger::kLevel);
  EXPECT_EQ(platform.overrides[1].polarity, Polarity::kActiveHigh);
  EXPECT_EQ(platform.overrides[2].polarity, Polarity::kActiveLow);
  EXPECT_EQ(platform.local_apic, PhysAddr(0xfee0'0000));
}

TEST(AcpiMadt, AnEntryOfNoLengthEndsIt) {
  Platform platform;
  Table table("APIC", 44);
  table.append({0, 8, 0, 0, 1, 0, 0, 0}).append({0, 0}).append({0, 8, 1, 1, 1, 0, 0, 0});
  parse_madt(table.view(), platform);
  EXPECT_EQ(platform.cpus.size(), 1u);
}

TEST(AcpiMadt, MoreCpusThanWeHaveRoomFor) {
  Platform platform;
  Table table("APIC", 44);
  for (int i = 0; i < 200; ++i) table.append({0, 8, i, i, 1, 0, 0, 0});
  parse_madt(table.view(), platform);
  EXPECT_EQ(platform.cpus.size(), kMaxCpus);
  EXPECT_EQ(platform.cpus.dropped(), 200 - kMaxCpus);
}

TEST(AcpiFadt, APersonalComputer) {
  Table table("FACP", 116);
  table.put(40, std::uint32_t{0x7fe'0040})
      .put(64, std::uint32_t{0x604})
      .put(76, std::uint32_t{0x608});
  table.put(108, std::uint8_t{0x32}).put(112, std::uint32_t{0x80a5});
  Platform platform;
  PhysAddr dsdt;
  parse_fadt(table.view(), platform, dsdt);
  EXPECT_EQ(dsdt, PhysAddr(0x7fe'0040));
  EXPECT_FALSE(platform.hardware_reduced);
  EXPECT_EQ(platform.pm1a_control, 0x604);
  EXPECT_EQ(platform.pm_timer.space, RegisterAddress::Space::kPort);
  EXPECT_EQ(platform.pm_timer.address, 0x608u);
  EXPECT_FALSE(platform.pm_timer_is_32_bit);
  EXPECT_EQ(platform.century_register, 0x32);
  EXPECT_EQ(platform.reset.space, RegisterAddress::Space::kNone);
}

// As QEMU's microvm has it.
TEST(AcpiFadt, ReducedHardware) {
  Table table("FACP", 268);
  table.put(112, std::uint32_t{0x10'0400}).put(140, std::uint64_t{0xe'fd00});
  table.put(116, std::uint16_t{0x0800})
      .put(120, std::uint64_t{0xfea0'0202})
      .put(128, std::uint8_t{0x42});
  table.put(244, std::uint16_t{0x0800}).put(248, std::uint64_t{0xfea0'0200});
  table.put(64, std::uint32_t{0x604});  // not there, whatever it says
  Platform platform;
  PhysAddr dsdt;
  parse_fadt(table.view(), platform, dsdt);
  EXPECT_EQ(dsdt, PhysAddr(0xe'fd00));
  EXPECT_TRUE(platform.hardware_reduced);
  EXPECT_EQ(platform.pm1a_control, 0);
  EXPECT_EQ(platform.reset.space, RegisterAddress::Space::kMemory);
  EXPECT_EQ(platform.reset.address, 0xfea0'0202u);
  EXPECT_EQ(platform.reset_value, 0x42);
  EXPECT_EQ(platform.sleep_control.address, 0xfea0'0200u);
}

TEST(AcpiSmallTables, HpetAndMcfg) {
  Platform platform;
  parse_hpet(Table("HPET", 56).put(44, std::uint64_t{0xfed0'0000}).view(), platform);
  EXPECT_EQ(platform.hpet, PhysAddr(0xfed0'0000));
  Table mcfg("MCFG", 44);
  mcfg.append({0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0});
  mcfg.append({0, 0, 0, 0xc0, 0, 0, 0, 0, 1, 0, 0, 255, 0, 0, 0, 0});  // another segment
  mcfg.append({0, 0, 0, 0xd0});                                        // half an entry
  parse_mcfg(mcfg.view(), platform);
  ASSERT_EQ(platform.ecam.size(), 1u);
  EXPECT_EQ(platform.ecam[0].address, PhysAddr(0xb000'0000));
  EXPECT_EQ(platform.ecam[0].last_bus, 255);
}

// The virtio device and the sleep package of QEMU's microvm, as AML has them.
Table dsdt() {
  Table table("DSDT");
  table.append({0x5b, 0x82, 0x42, 0x04})
      .append("VR23")
      .append({0x08})
      .append("_HID")
      .append({0x0d});
  table.append("LNRO0005").append({0, 0x08}).append("_UID").append({0x0a, 0x17, 0x08});
  table.append("_CCA").append({1, 0x08}).append("_CRS").append({0x11, 0x1a, 0x0a, 0x17});
  table.append({0x86, 9, 0, 1, 0x00, 0x2e, 0xb0, 0xfe, 0x00, 0x02, 0x00, 0x00});
  table.append({0x89, 6, 0, 1, 1, 0x2f, 0, 0, 0, 0x79, 0});
  table.append({0x10, 0x10, '\\', 0, 0x08})
      .append("_S5_")
      .append({0x12, 0x07, 4, 0x0a, 5, 0, 0, 0});
  return table;
}

TEST(AcpiDsdt, MicrovmsDeviceAndSleepType) {
  Platform platform;
  scan_dsdt(dsdt().view(), platform);
  EXPECT_TRUE(platform.has_s5);
  EXPECT_EQ(platform.s5_type_a, 5);
  EXPECT_EQ(platform.s5_type_b, 0);
  ASSERT_EQ(platform.virtio_mmio.size(), 1u);
  EXPECT_EQ(platform.virtio_mmio[0].address, PhysAddr(0xfeb0'2e00));
  EXPECT_EQ(platform.virtio_mmio[0].size, 512u);
  EXPECT_EQ(platform.virtio_mmio[0].line, 0x2fu);
  EXPECT_EQ(platform.virtio_mmio[0].trigger, Trigger::kLevel);
  EXPECT_EQ(platform.virtio_mmio[0].polarity, Polarity::kActiveHigh);
}

TEST(AcpiDsdt, SleepTypesInOtherForms) {
  const auto scan = [](std::initializer_list<int> package) {
    Platform platform;
    scan_dsdt(Table("DSDT").append("_S5_").append(package).view(), platform);
    return platform;
  };
  EXPECT_EQ(scan({0x12, 6, 4, 0, 0, 0, 0}).s5_type_a, 0);  // QEMU's pc: all zero
  EXPECT_TRUE(scan({0x12, 6, 4, 0, 0, 0, 0}).has_s5);
  EXPECT_EQ(scan({0x12, 6, 2, 1, 1}).s5_type_b, 1);
  EXPECT_EQ(scan({0x12, 0x46, 0, 2, 0x0a, 7, 0x0a, 6}).s5_type_a, 7);  // a longer length
  EXPECT_FALSE(scan({0x14, 6, 4, 0, 0}).has_s5);                       // a method of that name
  EXPECT_FALSE(scan({0x12, 6, 4, 0x0b, 1, 0}).has_s5);                 // not a small number
}

TEST(AcpiDsdt, TwoDevicesKeepTheirOwnResources) {
  Table table = dsdt();
  table.append("LNRO0005");  // one without resources
  table.append("LNRO0005").append({0, 8}).append("_CRS").append({0x11, 0x1a, 0x0a, 0x17});
  table.append({0x86, 9, 0, 1, 0x00, 0x2c, 0xb0, 0xfe, 0x00, 0x02, 0x00, 0x00});
  table.append({0x89, 6, 0, 3, 1, 0x2e, 0, 0, 0, 0x79, 0});
  Platform platform;
  scan_dsdt(table.view(), platform);
  ASSERT_EQ(platform.virtio_mmio.size(), 2u);
  EXPECT_EQ(platform.virtio_mmio[1].line, 0x2eu);
  EXPECT_EQ(platform.virtio_mmio[1].trigger, Trigger::kEdge);
}

// The bridge of QEMU's microvm with pcie=on: registers at 0xe0000000, windows of 32 and 64 bits.
Table bridge() {
  Table table("DSDT");
  table.append("_HID").append({0x0d}).append("PNP0A08").append({0});
  table.append("_CRS").append({0x11, 0x0e, 0x0a, 0x0b, 0x89, 6, 0, 1, 1, 0x10, 0, 0, 0, 0x79, 0});  // of an interrupt
  table.append({0x14, 0x0c}).append("_CBA").append({0, 0xa4, 0x0c, 0, 0, 0, 0xe0});
  table.append("_CRS").append({0x11, 0x4f, 0x05, 0x0a, 0x5a});
  table.append({0x88, 0x0d, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1});
  table.append({0x87, 0x17, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff, 0xff, 0xdf, 0, 0, 0, 0, 0, 0, 0, 0x20});
  table.append({0x8a, 0x2b, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0});                   // kind, flags, granularity
  table.append({0, 0, 0, 0, 0xc0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0});    // first, last
  table.append({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0});                   // translation, length
  table.append({0x79, 0});
  return table;
}

TEST(AcpiDsdt, MicrovmsPciBridge) {
  Platform platform;
  scan_dsdt(bridge().view(), platform);
  ASSERT_EQ(platform.ecam.size(), 1u);
  EXPECT_EQ(platform.ecam[0].address, PhysAddr(0xe000'0000));
  EXPECT_EQ(platform.ecam[0].last_bus, 255);
  ASSERT_EQ(platform.pci_windows.size(), 2u);
  EXPECT_EQ(platform.pci_windows[0].begin, PhysAddr(0xc000'0000));
  EXPECT_EQ(platform.pci_windows[0].size, 0x2000'0000u);
  EXPECT_EQ(platform.pci_windows[1].begin, PhysAddr(0xc0'0000'0000));
  EXPECT_EQ(platform.pci_windows[1].size, 0x40'0000'0000u);
}

// No parser reads past a table that ends early (AddressSanitizer looks on).
TEST(AcpiAll, EveryTruncationIsHarmless) {
  Table fadt("FACP", 268);
  fadt.put(112, std::uint32_t{0x10'0400});
  const Table tables[] = {madt(), dsdt(), bridge(), fadt};
  for (const Table& table : tables) {
    const Bytes whole = table.view();
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const std::vector<std::uint8_t> part(whole.begin(),
                                           whole.begin() + static_cast<std::ptrdiff_t>(size));
      Platform platform;
      PhysAddr address;
      (void)parse_root_pointer(part);
      (void)find_root_pointer(part);
      (void)parse_header(part);
      parse_madt(part, platform);
      parse_fadt(part, platform, address);
      parse_hpet(part, platform);
      parse_mcfg(part, platform);
      scan_dsdt(part, platform);
    }
  }
}

}  // namespace
}  // namespace mokapot::acpi
