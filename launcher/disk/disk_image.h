// SPDX-License-Identifier: Apache-2.0
//
// A disk of partitions, written as a sparse raw file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "disk/partition_table.h"
#include "support/result.h"

namespace moka {

struct PartitionContent {
  Partition partition;  // its size is that of the content
  std::string bytes;    // the content, or
  std::string file;     // the path of a file with it
};

// Fails on a full disk. `fd`: an empty file. `boot_code`: the MBR's, or "". The disk's size is a
// multiple of `multiple`, which is one of kPartitionAlignment.
Result<void> write_disk(int fd, const std::string& path,
                        const std::vector<PartitionContent>& contents, const Guid& disk_guid,
                        std::string_view boot_code,
                        std::uint64_t multiple = kPartitionAlignment);

}  // namespace moka
