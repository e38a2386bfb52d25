// SPDX-License-Identifier: Apache-2.0
//
// The form in which Google Compute Engine takes disks: a gzip of an old GNU tar archive with one
// member, disk.raw, whose holes are left out (tar --format=oldgnu -Sczf), of a size that is a
// multiple of 1 GiB. The same bytes each time.
#pragma once

#include <cstdint>
#include <string>

#include "support/result.h"

namespace moka {

inline constexpr std::uint64_t kGceDiskMultiple = std::uint64_t{1} << 30;

// Writes the archive of the disk in file `raw` to `fd`, which belongs to `path`. Fails on a full
// disk.
Result<void> write_gce_archive(int fd, const std::string& path, const std::string& raw);

}  // namespace moka
