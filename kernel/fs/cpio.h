// SPDX-License-Identifier: Apache-2.0
//
// The initrd: a cpio archive of the `newc` form (Linux Documentation/driver-api/early-userspace/
// buffer-format.rst). Pure functions over a span; nothing in it is trusted.
//
// Any context; does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace mokapot {

struct CpioFile {
  std::string_view name;            // without a leading "/" or "./"
  std::uint32_t mode;               // S_IF... and permissions
  std::span<const std::byte> data;  // inside the archive
};

// Calls visit for each member until it returns false. kEINVAL for what is not such an archive or is damaged; members
// before the damage were visited. Archives may follow each other, with zeros between.
Result<void> read_cpio(std::span<const std::byte> archive, bool (*visit)(const CpioFile& file, void* context),
                       void* context);
// The regular file of that name; kENOENT.
Result<std::span<const std::byte>> find_in_cpio(std::span<const std::byte> archive, std::string_view name);

}  // namespace mokapot
