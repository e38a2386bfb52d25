// SPDX-License-Identifier: Apache-2.0
//
// What an image consists of, whatever its format: taken out of one, and put together to one. Layers
// stay as they are to the byte; so does the boot loader where there is one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "disk/disk_image.h"
#include "disk/image_format.h"
#include "image/image_cache.h"
#include "support/output_file.h"
#include "support/result.h"

namespace moka {

struct ImageParts {
  std::string manifest;  // JSON
  std::string kernel;
  std::string kernel_options;
  std::string initrd;
  std::string sbom;      // CycloneDX JSON
  std::string licenses;  // text
  std::vector<PartitionContent> layers;

  struct BootLoader {
    std::string boot_code;                     // the MBR's
    std::vector<PartitionContent> partitions;  // for BIOS, then for UEFI
  };
  std::optional<BootLoader> boot_loader;  // none: this host's GRUB, where the format needs it
};

// Writes the parts as an image of that format. Blocks; fails on a full disk and missing tools.
Result<void> write_image(ImageFormat format, const ImageParts& parts, const OutputFile& output,
                         const ImageCache& cache, const std::string& scratch);

// What an image holds, its layers as files in `scratch`. Fails with advice where it is no image of
// ours or a layer is not what its manifest says.
Result<ImageParts> read_image_parts(const std::string& path, const std::string& scratch);

// Where it is an image already or nothing yet. A folder that is replaced as a whole must not hold
// what somebody else put there.
Result<void> check_image_folder(const std::string& folder);

}  // namespace moka
