// SPDX-License-Identifier: Apache-2.0
//
// Partitions as disks of their own.
#pragma once

#include <string_view>

#include "device/block_device.h"

namespace mokapot {

// The partition with this GUID (36 characters, lower case) on any registered disk whose GUID partition table, or its
// backup, is sound; nullptr where there is none. Reads the disks' tables at each call. Boot's thread; blocks. What it
// returns lives for ever.
BlockDevice* find_partition(std::string_view guid);

}  // namespace mokapot
