// SPDX-License-Identifier: Apache-2.0

#include "drivers/pci_layout.h"

#include <cstring>

namespace mokapot::pci {
namespace {

constexpr std::uint16_t kStatusHasCapabilities = 1u << 4;
constexpr std::uint8_t kCapabilityVendor = 0x09;
constexpr std::uint8_t kCapabilityMsix = 0x11;
constexpr unsigned kBarCount = 6;

// Calls visit(offset) for each capability of the kind, until it returns true. The list may be a
// loop or point anywhere: at most as many steps as there is room for capabilities.
template <typename Visit>
void for_each_capability(Configuration bytes, std::uint8_t kind, Visit visit) {
  constexpr std::uint32_t kFirstPossible = 0x40;
  constexpr int kMaxCapabilities = (256 - 0x40) / 4;
  if ((load16(bytes, kStatus) & kStatusHasCapabilities) == 0) return;
  std::uint32_t offset = bytes[kCapabilities] & 0xfcu;
  for (int i = 0; i < kMaxCapabilities && offset >= kFirstPossible; ++i) {
    if (bytes[offset] == kind && visit(offset)) return;
    offset = bytes[offset + 1] & 0xfcu;
  }
}

}  // namespace

std::uint16_t load16(Configuration bytes, std::uint32_t offset) {
  std::uint16_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}
std::uint32_t load32(Configuration bytes, std::uint32_t offset) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

std::optional<PhysAddr> memory_bar(Configuration bytes, unsigned bar) {
  constexpr std::uint32_t kPort = 1, kTypeMask = 6, kType64 = 4;
  if (bar >= kBarCount) return std::nullopt;
  const std::uint32_t low = load32(bytes, kFirstBar + 4 * bar);
  if ((low & kPort) != 0) return std::nullopt;
  std::uint64_t address = low & ~0xfu;
  if ((low & kTypeMask) == kType64) {
    if (bar + 1 == kBarCount) return std::nullopt;
    address |= std::uint64_t{load32(bytes, kFirstBar + 4 * (bar + 1))} << 32;
  }
  constexpr std::uint64_t kMaxPhysical = std::uint64_t{1} << 52;
  if (address == 0 || address >= kMaxPhysical) return std::nullopt;
  return PhysAddr(address);
}

std::optional<MsixCapability> find_msix(Configuration bytes) {
  constexpr std::uint32_t kEntrySize = 16;
  std::optional<MsixCapability> result;
  for_each_capability(bytes, kCapabilityMsix, [&](std::uint32_t offset) {
    if (offset + 12 > bytes.size()) return false;
    const auto entries = static_cast<std::uint16_t>((load16(bytes, offset + 2) & 0x7ff) + 1);
    const std::uint32_t table = load32(bytes, offset + 4);
    result =
        MsixCapability{static_cast<std::uint8_t>(offset),
                       entries,
                       {static_cast<std::uint8_t>(table & 7), table & ~7u, entries * kEntrySize}};
    return true;
  });
  return result;
}

std::optional<VirtioLayout> find_virtio_layout(Configuration bytes) {
  enum : std::uint8_t { kCommon = 1, kNotify = 2, kIsr = 3, kDevice = 4 };
  constexpr std::uint32_t kCapabilitySize = 16;
  constexpr std::uint32_t kCommonSize = 56;  // what version 1.0 has
  VirtioLayout layout;
  for_each_capability(bytes, kCapabilityVendor, [&](std::uint32_t offset) {
    if (offset + kCapabilitySize > bytes.size()) return false;
    const BarRange range{bytes[offset + 4], load32(bytes, offset + 8), load32(bytes, offset + 12)};
    // The device may offer several of a kind, in its order of preference: the first that we could
    // use counts.
    if (!memory_bar(bytes, range.bar) || range.size == 0) return false;
    switch (bytes[offset + 3]) {
      case kCommon:
        if (layout.common.size == 0 && range.size >= kCommonSize) layout.common = range;
        break;
      case kNotify:
        if (layout.notify.size == 0 && range.size >= 2 &&
            offset + kCapabilitySize + 4 <= bytes.size()) {
          layout.notify = range;
          layout.notify_multiplier = load32(bytes, offset + kCapabilitySize);
        }
        break;
      case kIsr:
        if (layout.isr.size == 0) layout.isr = range;
        break;
      case kDevice:
        if (!layout.device) layout.device = range;
        break;
      default:  // other windows on the same registers
        break;
    }
    return false;
  });
  if (layout.common.size == 0 || layout.notify.size == 0 || layout.isr.size == 0)
    return std::nullopt;
  return layout;
}

std::optional<std::uint16_t> virtio_type(Configuration bytes) {
  constexpr std::uint16_t kVirtioVendor = 0x1af4;
  constexpr std::uint16_t kFirstTransitional = 0x1000, kFirstModern = 0x1040, kLast = 0x107f;
  if (load16(bytes, kVendor) != kVirtioVendor) return std::nullopt;
  const std::uint16_t device = load16(bytes, kDeviceId);
  if (device >= kFirstModern && device <= kLast)
    return static_cast<std::uint16_t>(device - kFirstModern);
  if (device >= kFirstTransitional && device < kFirstModern) return load16(bytes, kSubsystem);
  return std::nullopt;
}

}  // namespace mokapot::pci
