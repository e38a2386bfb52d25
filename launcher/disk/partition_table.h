// SPDX-License-Identifier: Apache-2.0
//
// A GUID partition table (UEFI specification 2.10, 5.3) with a protective MBR: laid out, written,
// and read from bytes that may hold anything. Blocks are 512 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "disk/guid.h"
#include "support/result.h"

namespace moka {

inline constexpr std::uint64_t kBlockSize = 512;
// Where partitions begin: at whole pages of file systems, of disks and of the kernel's page cache, and
// the first one behind the table. The usual whole MiB would be most of a small image.
inline constexpr std::uint64_t kPartitionAlignment = 32u << 10;

struct Partition {
  std::string name;  // ASCII, 35 characters at most
  Guid type;
  Guid guid;
  std::uint64_t size = 0;    // bytes
  std::uint64_t offset = 0;  // bytes, multiple of kPartitionAlignment
};

// Types: Mokapot's own layers and boot archive are Linux file system data to other tools.
extern const Guid kBiosBootType;
extern const Guid kEfiSystemType;
extern const Guid kLinuxDataType;

// Gives partitions their places, in order; the size of the whole disk, a multiple of the same.
std::uint64_t place_partitions(std::vector<Partition>& partitions);

struct EncodedTable {
  std::string front;  // for the disk's beginning: MBR, header, entries
  std::string back;   // for its end: entries, header
};
// `boot_code`: the MBR's, 440 bytes at most.
EncodedTable encode_partition_table(const std::vector<Partition>& partitions,
                                    std::uint64_t disk_size, const Guid& disk_guid,
                                    std::string_view boot_code);

// So much of a disk's beginning is needed to read its table.
inline constexpr std::uint64_t kTableBytes = 34 * kBlockSize;
bool has_partition_table(std::string_view front);
// Fails where the table is damaged or none of ours. Partitions of an accepted table do not
// overflow.
Result<std::vector<Partition>> read_partition_table(std::string_view front);

}  // namespace moka
