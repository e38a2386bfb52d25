// SPDX-License-Identifier: Apache-2.0
#include "device/guid_partition_table.h"

#include <cstring>

#include "base/format.h"

namespace mokapot {
namespace {

struct [[gnu::packed]] DiskHeader {
  char signature[8];
  std::uint32_t revision, header_size, header_checksum, reserved;
  std::uint64_t own_block, other_block, first_usable, last_usable;
  std::uint8_t disk_guid[16];
  std::uint64_t entries_block;
  std::uint32_t entry_count, entry_size, entries_checksum;
};
static_assert(sizeof(DiskHeader) == 92);

struct [[gnu::packed]] DiskEntry {
  std::uint8_t type[16], guid[16];
  std::uint64_t first, last, attributes;
};

constexpr char kSignature[] = "EFI PART";
constexpr std::uint32_t kLeastEntrySize = 128;
constexpr std::size_t kMostEntriesBytes = 256 * 1024;

// The first three fields are little-endian numbers, the rest is in order.
void format_guid(const std::uint8_t (&g)[16], char (&text)[kGuidTextSize]) {
  format_to(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2], g[1],
            g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

}  // namespace

std::uint32_t gpt_checksum(std::span<const std::byte> bytes) {
  constexpr std::uint32_t kPolynomial = 0xedb88320;  // reflected
  std::uint32_t value = ~std::uint32_t{0};
  for (const std::byte byte : bytes) {
    value ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
  }
  return ~value;
}

Result<GptHeader> parse_gpt_header(std::span<const std::byte> block, std::uint64_t number, std::uint64_t blocks) {
  DiskHeader disk;
  if (block.size() < sizeof(disk)) return Errno::kENOENT;
  std::memcpy(&disk, block.data(), sizeof(disk));
  if (std::memcmp(disk.signature, kSignature, sizeof(disk.signature)) != 0) return Errno::kENOENT;
  if (disk.header_size < sizeof(disk) || disk.header_size > block.size()) return Errno::kEUCLEAN;
  // The checksum is made with its own field as zero; what is behind our fields counts too.
  const std::uint32_t stated = disk.header_checksum;
  std::byte copy[4096];
  if (disk.header_size > sizeof(copy)) return Errno::kEUCLEAN;
  std::memcpy(copy, block.data(), disk.header_size);
  std::memset(copy + offsetof(DiskHeader, header_checksum), 0, sizeof(disk.header_checksum));
  if (gpt_checksum({copy, disk.header_size}) != stated || disk.own_block != number) return Errno::kEUCLEAN;
  const std::uint32_t size = disk.entry_size;
  if (size < kLeastEntrySize || size > kMostEntriesBytes || (size & (size - 1)) != 0) return Errno::kEUCLEAN;
  if (disk.entry_count == 0 || disk.entry_count > kMostEntriesBytes / size) return Errno::kEUCLEAN;
  if (disk.first_usable > disk.last_usable || disk.last_usable >= blocks) return Errno::kEUCLEAN;
  const std::uint64_t entry_blocks = (std::uint64_t{disk.entry_count} * size + block.size() - 1) / block.size();
  if (disk.entries_block >= blocks || entry_blocks > blocks - disk.entries_block) return Errno::kEUCLEAN;
  return GptHeader{disk.first_usable, disk.last_usable, disk.entries_block, disk.entry_count, size, disk.entries_checksum};
}

Result<GptEntry> parse_gpt_entry(const GptHeader& header, std::span<const std::byte> entries, std::size_t index) {
  DiskEntry disk;
  constexpr std::uint8_t kUnused[16] = {};
  if (index >= header.entry_count || entries.size() < header.entries_bytes()) return Errno::kEUCLEAN;
  std::memcpy(&disk, entries.data() + index * header.entry_size, sizeof(disk));
  if (std::memcmp(disk.type, kUnused, sizeof(kUnused)) == 0) return Errno::kENOENT;
  if (disk.first < header.first_usable || disk.last > header.last_usable || disk.first > disk.last) return Errno::kEUCLEAN;
  GptEntry entry{disk.first, disk.last, {}};
  format_guid(disk.guid, entry.guid);
  return entry;
}

}  // namespace mokapot
