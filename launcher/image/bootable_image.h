// SPDX-License-Identifier: Apache-2.0
//
// Bootable images as files: what `moka build` made, read by `moka run` and `moka inspect`. The file
// may be anything, and may be someone else's.
#pragma once

#include <cstdint>
#include <string>

#include "support/result.h"

namespace moka {

enum class DiskFormat { kRaw, kQcow2 };

struct BootableImage {
  DiskFormat format = DiskFormat::kRaw;
  std::string manifest;  // JSON
  std::string kernel;
  std::string initrd;
  std::string sbom;      // CycloneDX JSON, or ""
  std::string licenses;  // text, or ""
};

// Whether the file begins as a disk with a GUID partition table or a qcow2 image does.
bool looks_like_disk_image(const std::string& path);

// Fails with advice where it is no image of ours, is damaged, or depends on other files. A qcow2
// image is read by qemu-img. Blocks.
Result<BootableImage> open_bootable_image(const std::string& path);

}  // namespace moka
