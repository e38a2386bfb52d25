// SPDX-License-Identifier: Apache-2.0
//
// Bootable images as files: what `moka build` made, read by `moka run`, `moka inspect`, `moka
// convert` and `moka image rebase`. The file may be anything, and may be someone else's.
#pragma once

#include <cstdint>
#include <string>

#include "image/disk_reader.h"
#include "support/result.h"

namespace moka {

// The versions of manifests that this moka reads, and the one that it writes.
inline constexpr int kManifestVersion = 1;
inline constexpr int kOldestManifestVersion = 1;

struct BootableImage {
  DiskFormat format = DiskFormat::kRaw;
  bool is_pair = false;  // a folder with kernel, initrd and disk
  std::string disk;      // the file that holds the layers
  std::string manifest;  // JSON, of a version that this moka reads
  std::string kernel;
  std::string initrd;
  std::string sbom;      // CycloneDX JSON, or ""
  std::string licenses;  // text, or ""

  // Which version of contract/vm_contract.h its kernel keeps to.
  int contract = 0;
};

// Whether a folder is one that `moka build --format pair` made, by what it holds.
bool looks_like_pair(const std::string& path);

// Fails with advice where it is no image of ours, is damaged, of a version that this moka does not
// read, or depends on other files. A qcow2 image is read by qemu-img. Blocks.
Result<BootableImage> open_bootable_image(const std::string& path);

// Fails, with what to do, where this moka and the image's kernel would not understand each other.
Result<void> check_contract(const BootableImage& image, const std::string& path);

}  // namespace moka
