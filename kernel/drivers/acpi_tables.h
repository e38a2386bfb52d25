// SPDX-License-Identifier: Apache-2.0
//
// ACPI's tables as plain data: parsers over byte spans, which may hold anything at all. Pure, any
// context, no allocation; every read is checked against the span, and a count against its array.
//
// After ACPI 6.5, chapter 5; the DSDT is not interpreted but searched for the few fixed shapes
// needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/types.h"
#include "drivers/platform.h"

namespace mokapot::acpi {

using Bytes = std::span<const std::uint8_t>;

// Root pointer. size() of the span may exceed the structure's.
struct RootPointer {
  PhysAddr table;     // RSDT or XSDT
  bool wide_entries;  // XSDT: 8 bytes each
};
inline constexpr std::size_t kRootPointerSize = 36;
std::optional<RootPointer> parse_root_pointer(Bytes bytes);
// Offset of a valid root pointer on a 16-byte boundary.
std::optional<std::size_t> find_root_pointer(Bytes bytes);

// Any system description table begins so.
inline constexpr std::size_t kHeaderSize = 36;
inline constexpr std::uint32_t kMaxTableSize = 4u << 20;
struct TableHeader {
  char signature[4];
  std::uint32_t length;  // between kHeaderSize and kMaxTableSize
  bool is(const char (&name)[5]) const {
    return signature[0] == name[0] && signature[1] == name[1] && signature[2] == name[2] &&
           signature[3] == name[3];
  }
};
std::optional<TableHeader> parse_header(Bytes bytes);
bool checksum_is_good(Bytes table);

// The nth table that an RSDT or XSDT points to.
std::optional<PhysAddr> root_table_entry(Bytes table, bool wide_entries, std::size_t index);

// Each adds what its table says to the platform. They take a whole table, header included, and stop
// at the first entry that makes no sense, keeping what came before.
void parse_madt(Bytes table, Platform& platform);
void parse_fadt(Bytes table, Platform& platform, PhysAddr& dsdt);
void parse_hpet(Bytes table, Platform& platform);
void parse_mcfg(Bytes table, Platform& platform);
// Sleep type of S5, and the virtio-mmio devices and the PCI windows that the machine describes there.
void scan_dsdt(Bytes table, Platform& platform);

}  // namespace mokapot::acpi
