// SPDX-License-Identifier: Apache-2.0
#include "disk/partition_table.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace moka {

const Guid kBiosBootType = Guid::from_text("21686148-6449-6e6f-744e-656564454649");
const Guid kEfiSystemType = Guid::from_text("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const Guid kLinuxDataType = Guid::from_text("0fc63daf-8483-4772-8e79-3d69d8477de4");

namespace {

constexpr std::string_view kSignature = "EFI PART";
constexpr std::uint32_t kRevision = 0x10000;
constexpr std::uint32_t kHeaderSize = 92;
constexpr std::size_t kChecksumAt = 16;
constexpr std::uint32_t kEntries = 128;
constexpr std::uint32_t kEntrySize = 128;
constexpr std::uint64_t kEntryBlocks = kEntries * kEntrySize / kBlockSize;
constexpr std::uint64_t kFirstUsable = 2 + kEntryBlocks;
constexpr std::size_t kNameAt = 56;
constexpr std::size_t kMostNameLetters = 35;
constexpr std::size_t kMbrPartitionAt = 446;
constexpr std::size_t kMostBootCode = 440;

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  for (std::size_t index = 0; index < sizeof(T); ++index)
    bytes[at + index] = static_cast<char>(value >> (8 * index) & 0xff);
}

template <typename T>
T get(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t index = sizeof(T); index-- > 0;)
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[at + index]));
  return value;
}

std::uint32_t checksum(std::string_view bytes) {
  // SAFETY: any object may be looked at as bytes.
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::uint64_t round_up(std::uint64_t value) {
  return (value + kPartitionAlignment - 1) / kPartitionAlignment * kPartitionAlignment;
}

// One partition of type "GPT" over the whole disk, so that old tools keep their hands off it. It is
// marked active: some BIOSes start nothing from a disk without such a partition.
std::string protective_mbr(std::uint64_t blocks, std::string_view boot_code) {
  std::string mbr(kBlockSize, '\0');
  mbr.replace(0, std::min(boot_code.size(), kMostBootCode), boot_code.substr(0, kMostBootCode));
  std::string entry(16, '\0');
  entry[0] = '\x80';
  entry[2] = '\x02';  // cylinder, head, sector of block 1
  entry[4] = '\xee';
  entry[5] = entry[6] = entry[7] = '\xff';
  put<std::uint32_t>(entry, 8, 1);
  put<std::uint32_t>(entry, 12,
                     static_cast<std::uint32_t>(std::min<std::uint64_t>(
                         blocks - 1, std::numeric_limits<std::uint32_t>::max())));
  mbr.replace(kMbrPartitionAt, entry.size(), entry);
  mbr[510] = '\x55';
  mbr[511] = '\xaa';
  return mbr;
}

std::string entries_of(const std::vector<Partition>& partitions) {
  std::string entries(kEntries * kEntrySize, '\0');
  for (std::size_t index = 0; index < partitions.size() && index < kEntries; ++index) {
    const Partition& partition = partitions[index];
    const std::size_t at = index * kEntrySize;
    entries.replace(at, 16, partition.type.disk_bytes());
    entries.replace(at + 16, 16, partition.guid.disk_bytes());
    const std::uint64_t blocks = (partition.size + kBlockSize - 1) / kBlockSize;
    put<std::uint64_t>(entries, at + 32, partition.offset / kBlockSize);
    put<std::uint64_t>(entries, at + 40, partition.offset / kBlockSize + blocks - 1);
    for (std::size_t letter = 0; letter < partition.name.size() && letter < kMostNameLetters;
         ++letter)
      entries[at + kNameAt + 2 * letter] = partition.name[letter];  // UTF-16
  }
  return entries;
}

std::string header_of(std::uint64_t own, std::uint64_t other, std::uint64_t entries_at,
                      std::uint64_t blocks, const Guid& disk_guid, std::uint32_t entries_sum) {
  std::string header(kBlockSize, '\0');
  header.replace(0, kSignature.size(), kSignature);
  put<std::uint32_t>(header, 8, kRevision);
  put<std::uint32_t>(header, 12, kHeaderSize);
  put<std::uint64_t>(header, 24, own);
  put<std::uint64_t>(header, 32, other);
  put<std::uint64_t>(header, 40, kFirstUsable);
  put<std::uint64_t>(header, 48, blocks - kFirstUsable);
  header.replace(56, 16, disk_guid.disk_bytes());
  put<std::uint64_t>(header, 72, entries_at);
  put<std::uint32_t>(header, 80, kEntries);
  put<std::uint32_t>(header, 84, kEntrySize);
  put<std::uint32_t>(header, 88, entries_sum);
  put<std::uint32_t>(header, kChecksumAt,
                     checksum(std::string_view(header).substr(0, kHeaderSize)));
  return header;
}

std::string name_of(std::string_view entry) {
  std::string name;
  for (std::size_t at = kNameAt; at + 1 < entry.size(); at += 2) {
    const auto letter = get<std::uint16_t>(entry, at);
    if (letter == 0) break;
    name += letter < 0x7f && letter >= 0x20 ? static_cast<char>(letter) : '?';
  }
  return name;
}

}  // namespace

std::uint64_t place_partitions(std::vector<Partition>& partitions) {
  std::uint64_t at = kPartitionAlignment;
  for (Partition& partition : partitions) {
    partition.offset = at;
    at = round_up(at + partition.size);
  }
  return round_up(at + (kEntryBlocks + 1) * kBlockSize);
}

EncodedTable encode_partition_table(const std::vector<Partition>& partitions,
                                    std::uint64_t disk_size, const Guid& disk_guid,
                                    std::string_view boot_code) {
  const std::uint64_t blocks = disk_size / kBlockSize;
  const std::string entries = entries_of(partitions);
  const std::uint32_t sum = checksum(entries);
  const std::uint64_t last = blocks - 1;
  return {
      protective_mbr(blocks, boot_code) + header_of(1, last, 2, blocks, disk_guid, sum) + entries,
      entries + header_of(last, 1, last - kEntryBlocks, blocks, disk_guid, sum)};
}

bool has_partition_table(std::string_view front) {
  return front.size() >= kBlockSize + kSignature.size() &&
         front.substr(kBlockSize, kSignature.size()) == kSignature;
}

Result<std::vector<Partition>> read_partition_table(std::string_view front) {
  const Error damaged{"its partition table is damaged"};
  if (!has_partition_table(front) || front.size() < kTableBytes) return damaged;
  std::string header(front.substr(kBlockSize, kHeaderSize));
  const auto stated = get<std::uint32_t>(header, kChecksumAt);
  put<std::uint32_t>(header, kChecksumAt, 0);
  if (checksum(header) != stated || get<std::uint32_t>(header, 12) != kHeaderSize ||
      get<std::uint32_t>(header, 80) != kEntries || get<std::uint32_t>(header, 84) != kEntrySize ||
      get<std::uint64_t>(header, 72) != 2)
    return damaged;
  const std::string_view entries = front.substr(2 * kBlockSize, kEntries * kEntrySize);
  if (checksum(entries) != get<std::uint32_t>(header, 88)) return damaged;
  const auto last_usable = get<std::uint64_t>(header, 48);
  if (last_usable > std::numeric_limits<std::int64_t>::max() / kBlockSize) return damaged;
  std::vector<Partition> partitions;
  for (std::size_t index = 0; index < kEntries; ++index) {
    const std::string_view entry = entries.substr(index * kEntrySize, kEntrySize);
    const Guid type = Guid::from_disk(entry.substr(0, 16));
    if (type == Guid{}) continue;
    const auto first = get<std::uint64_t>(entry, 32);
    const auto last = get<std::uint64_t>(entry, 40);
    if (first < kFirstUsable || last < first || last > last_usable) return damaged;
    partitions.push_back({name_of(entry), type, Guid::from_disk(entry.substr(16, 16)),
                          (last - first + 1) * kBlockSize, first * kBlockSize});
  }
  return partitions;
}

}  // namespace moka
