// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a disk in a file of ours or of anybody else's: raw, or qcow2 by qemu-img. All block.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

enum class DiskFormat { kRaw, kQcow2 };

class DiskReader {
 public:
  // Fails where the file cannot be read, is too short for a disk, or is a qcow2 file that names
  // other files: QEMU would read those with the user's rights, whoever made the image.
  static Result<DiskReader> open(const std::string& path);

  DiskFormat format() const { return format_; }

  // `offset` is a multiple of a block. Fails where the disk ends before that.
  Result<std::string> read(std::uint64_t offset, std::uint64_t size) const;
  // The same into a new file; zeros become holes.
  Result<void> extract(std::uint64_t offset, std::uint64_t size, const std::string& to) const;

 private:
  DiskReader(std::string path, UniqueFd fd, DiskFormat format)
      : path_(std::move(path)), fd_(std::move(fd)), format_(format) {}

  std::string path_;
  UniqueFd fd_;
  DiskFormat format_;
};

// Whether the file begins as a disk with a GUID partition table or a qcow2 image does.
bool looks_like_disk_image(const std::string& path);

}  // namespace moka
