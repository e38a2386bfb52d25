// SPDX-License-Identifier: Apache-2.0
//
// What a function's configuration space says, as pure functions over its bytes: base addresses,
// MSI-X, and virtio's capabilities (virtio 1.2, section 4.1.4). The bytes may hold anything. Any
// context.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/types.h"

namespace mokapot::pci {

inline constexpr std::uint32_t kVendor = 0x00;
inline constexpr std::uint32_t kDeviceId = 0x02;
inline constexpr std::uint32_t kCommand = 0x04;
inline constexpr std::uint32_t kStatus = 0x06;
inline constexpr std::uint32_t kHeaderType = 0x0e;
inline constexpr std::uint32_t kFirstBar = 0x10;
inline constexpr std::uint32_t kSecondaryBus = 0x19;
inline constexpr std::uint32_t kSubsystem = 0x2e;
inline constexpr std::uint32_t kCapabilities = 0x34;
inline constexpr std::uint16_t kNoVendor = 0xffff;

using Configuration = std::span<const std::uint8_t, 256>;

std::uint16_t load16(Configuration bytes, std::uint32_t offset);
std::uint32_t load32(Configuration bytes, std::uint32_t offset);

// Address of a memory BAR that firmware has placed; nothing for port BARs, empty ones and bad
// numbers.
std::optional<PhysAddr> memory_bar(Configuration bytes, unsigned bar);

// A piece of a BAR.
struct BarRange {
  std::uint8_t bar = 0;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

struct MsixCapability {
  std::uint8_t offset;       // of the capability
  std::uint16_t table_size;  // entries
  BarRange table;
};
std::optional<MsixCapability> find_msix(Configuration bytes);

// Where a modern virtio function has its registers. device is empty if the type has none.
struct VirtioLayout {
  BarRange common;
  BarRange notify;
  std::uint32_t notify_multiplier = 0;
  BarRange isr;
  std::optional<BarRange> device;
};
std::optional<VirtioLayout> find_virtio_layout(Configuration bytes);

// virtio's device type (1 net, 2 block, ...), or nothing if this is no virtio function.
std::optional<std::uint16_t> virtio_type(Configuration bytes);

}  // namespace mokapot::pci
