// SPDX-License-Identifier: Apache-2.0
//
// The three things that we need of the DSDT, found by the shape of their bytes instead of by an AML
// interpreter: the package \_S5_ (sleep types of power-off), devices whose _HID is "LNRO0005"
// (virtio-mmio), each with a _CRS of one memory range and one interrupt, and a PCI host bridge's
// _CBA and _CRS. Firmware of virtual machines writes all of them in exactly one way. A wrong find
// of a device costs a probe of a wrong address, which then does not hold virtio's magic number; a bridge
// is believed only where no other table says where its registers are.

#include <algorithm>
#include <cstring>
#include <optional>

#include "drivers/acpi_tables.h"
#include "memory/frames.h"

namespace mokapot::acpi {
namespace {

constexpr std::size_t kNotFound = SIZE_MAX;

std::size_t find(Bytes bytes, std::size_t from, const void* pattern, std::size_t size) {
  // SAFETY: any object may be looked at as bytes.
  const auto* wanted = static_cast<const std::uint8_t*>(pattern);
  if (from > bytes.size()) return kNotFound;
  const auto found = std::search(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                                 wanted, wanted + size);
  return found == bytes.end() ? kNotFound : static_cast<std::size_t>(found - bytes.begin());
}

std::uint32_t load32(Bytes bytes, std::size_t offset) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}
std::uint16_t load16(Bytes bytes, std::size_t offset) {
  std::uint16_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// An integer of a package: ZeroOp, OneOp, or BytePrefix and a byte. Moves offset past it.
bool take_small_integer(Bytes bytes, std::size_t& offset, std::uint8_t& value) {
  constexpr std::uint8_t kZero = 0x00, kOne = 0x01, kBytePrefix = 0x0a;
  if (offset >= bytes.size()) return false;
  const std::uint8_t opcode = bytes[offset++];
  if (opcode == kZero || opcode == kOne) {
    value = opcode;
    return true;
  }
  if (opcode != kBytePrefix || offset >= bytes.size()) return false;
  value = bytes[offset++];
  return true;
}

void scan_s5(Bytes table, Platform& platform) {
  constexpr std::uint8_t kPackage = 0x12;
  for (std::size_t at = find(table, kHeaderSize, "_S5_", 4); at != kNotFound;
       at = find(table, at + 4, "_S5_", 4)) {
    std::size_t offset = at + 4;
    if (offset + 3 > table.size() || table[offset++] != kPackage) continue;
    offset +=
        1 + (table[offset] >> 6);  // package length: the top bits say how many more bytes it has
    offset += 1;                   // number of elements
    std::uint8_t type_a = 0, type_b = 0;
    if (!take_small_integer(table, offset, type_a)) continue;
    if (!take_small_integer(table, offset, type_b)) type_b = type_a;
    platform.has_s5 = true;
    platform.s5_type_a = type_a & 7;
    platform.s5_type_b = type_b & 7;
    return;
  }
}

// Calls visit(tag, body) for each large resource descriptor of a _CRS buffer (ACPI 6.4).
template <typename Visit>
void for_each_resource(Bytes resources, Visit visit) {
  constexpr std::uint8_t kLarge = 0x80, kEndTag = 0x0f;
  std::size_t offset = 0;
  while (offset < resources.size()) {
    const std::uint8_t tag = resources[offset];
    if ((tag & kLarge) == 0) {
      if ((tag >> 3) == kEndTag) return;
      offset += 1 + (tag & 7);
      continue;
    }
    if (resources.size() - offset < 3) return;
    const std::size_t length = load16(resources, offset + 1);
    const std::size_t body = offset + 3;
    if (length > resources.size() - body) return;
    visit(tag, resources.subspan(body, length));
    offset = body + length;
  }
}

// A range of addresses as the descriptors for 32 and 64 bits have it.
struct AddressRange {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

constexpr std::uint8_t kMemory32Fixed = 0x86, kDwordAddress = 0x87, kExtendedInterrupt = 0x89,
                       kQwordAddress = 0x8a;

std::optional<AddressRange> dword_address(Bytes body) {
  if (body.size() < 23) return std::nullopt;
  return AddressRange{load32(body, 7), load32(body, 19)};
}

std::optional<AddressRange> qword_address(Bytes body) {
  if (body.size() < 43) return std::nullopt;
  AddressRange range;
  std::memcpy(&range.begin, body.data() + 11, sizeof(range.begin));
  std::memcpy(&range.size, body.data() + 35, sizeof(range.size));
  return range;
}

void parse_virtio_mmio(Bytes resources, Platform& platform) {
  VirtioMmioDescription device{};
  bool has_memory = false, has_line = false;
  for_each_resource(resources, [&](std::uint8_t tag, Bytes body) {
    if (tag == kMemory32Fixed && body.size() >= 9) {
      device.address = PhysAddr(load32(body, 1));
      device.size = load32(body, 5);
      has_memory = true;
    } else if (tag == kQwordAddress) {
      const auto range = qword_address(body);
      if (!range) return;
      device.address = PhysAddr(range->begin);
      device.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(range->size, UINT32_MAX));
      has_memory = true;
    } else if (tag == kExtendedInterrupt && body.size() >= 6 && body[1] >= 1) {
      const std::uint8_t flags = body[0];
      device.line = load32(body, 2);
      device.trigger = (flags & 2) != 0 ? Trigger::kEdge : Trigger::kLevel;
      device.polarity = (flags & 4) != 0 ? Polarity::kActiveLow : Polarity::kActiveHigh;
      has_line = true;
    }
  });
  if (has_memory && has_line) add_virtio_mmio(platform, device);
}

// Where functions may be placed in memory. The first byte of an address descriptor is its kind.
void parse_host_bridge(Bytes resources, Platform& platform) {
  for_each_resource(resources, [&](std::uint8_t tag, Bytes body) {
    constexpr std::uint8_t kMemory = 0;
    if (body.empty() || body[0] != kMemory) return;
    std::optional<AddressRange> range;
    if (tag == kDwordAddress) range = dword_address(body);
    if (tag == kQwordAddress) range = qword_address(body);
    if (!range || range->begin == 0 || range->size > kDirectMapSize || range->begin > kDirectMapSize - range->size) return;
    platform.pci_windows.add({PhysAddr(range->begin), range->size});
  });
}

// The contents of the first `Name (_CRS, Buffer {...})` in the device's bytes.
Bytes resources_of(Bytes device) {
  constexpr std::uint8_t kBuffer = 0x11, kBytePrefix = 0x0a, kWordPrefix = 0x0b;
  const std::size_t at = find(device, 0, "_CRS", 4);
  if (at == kNotFound || device.size() - at < 4 + 3 || device[at + 4] != kBuffer) return {};
  std::size_t offset = at + 5;
  offset += 1 + (device[offset] >> 6);
  if (device.size() < offset + 3) return {};
  // The buffer's size comes as a small constant; fewer bytes than it says are fine here.
  if (device[offset] == kBytePrefix) return device.subspan(offset + 2);
  if (device[offset] == kWordPrefix) return device.subspan(offset + 3);
  return {};
}

void scan_virtio_mmio(Bytes table, Platform& platform) {
  constexpr char kVirtioMmio[] = "LNRO0005";
  constexpr std::size_t kNameSize = sizeof(kVirtioMmio) - 1;
  std::size_t at = find(table, kHeaderSize, kVirtioMmio, kNameSize);
  while (at != kNotFound) {
    const std::size_t body = at + kNameSize;
    const std::size_t next = find(table, body, kVirtioMmio, kNameSize);
    const std::size_t end = next == kNotFound ? table.size() : next;
    parse_virtio_mmio(resources_of(table.subspan(body, end - body)), platform);
    at = next;
  }
}

// QEMU's generic PCI Express bridge (microvm): _CBA says where the functions' registers are, for there is no MCFG, and
// the _CRS after it where functions may be placed, for there is no firmware that does it.
void scan_host_bridge(Bytes table, Platform& platform) {
  constexpr char kBridge[] = "PNP0A08";
  constexpr std::uint8_t kReturn = 0xa4, kDwordPrefix = 0x0c, kQwordPrefix = 0x0e, kLastBus = 0xff;
  constexpr std::uint64_t kEcamSize = std::uint64_t{256} << 20;
  const std::size_t bridge = find(table, kHeaderSize, kBridge, sizeof(kBridge));
  if (bridge == kNotFound) return;
  const std::size_t name = find(table, bridge, "_CBA", 4);
  if (name == kNotFound) return;
  const Bytes body = table.subspan(name + 4);  // the method's flags, then what it does
  if (body.size() < 11 || body[1] != kReturn) return;
  std::uint64_t registers = 0;
  if (body[2] == kDwordPrefix) registers = load32(body, 3);
  if (body[2] == kQwordPrefix) std::memcpy(&registers, body.data() + 3, sizeof(registers));
  if (registers == 0 || registers > kDirectMapSize - kEcamSize || !is_aligned(registers, kPageSize)) return;
  if (platform.ecam.size() > 0) return;
  platform.ecam.add({PhysAddr(registers), 0, kLastBus});
  parse_host_bridge(resources_of(body), platform);
}

}  // namespace

void scan_dsdt(Bytes table, Platform& platform) {
  scan_s5(table, platform);
  scan_virtio_mmio(table, platform);
  scan_host_bridge(table, platform);
}

}  // namespace mokapot::acpi
