// SPDX-License-Identifier: Apache-2.0
//
// What is going to be in an image: layers, configuration, kernel, and a manifest that says so.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "build/build_options.h"
#include "disk/disk_image.h"
#include "image/image_cache.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

struct LayerFile {
  std::string name;  // "runtime", "archive" or "application"
  std::string path;  // an EROFS image in the cache
  std::uint64_t size = 0;
  std::string sha256;
  Guid partition;  // made from the digest
};

struct ImagePlan {
  std::vector<LayerFile> layers;  // lowest first
  std::string kernel;             // the ELF file itself
  std::string kernel_options;     // its command line
  std::string initrd;             // with the configuration
  std::string manifest;           // JSON, docs/concepts/images.md
  std::string sbom;               // CycloneDX JSON
  std::string licenses;           // text
  std::string note;               // for those who ask for details, or ""
  std::string warning;            // for all: what the image is without, or ""
  std::string archive;            // for --archive-out, or ""
};

// Builds layers that the cache lacks. Blocks.
Result<ImagePlan> plan_image(const BuildOptions& options, const ImageCache& cache);

// `make`: the path of an image in the cache, in which all times are those of 1970: nothing depends
// on when parts were made. One that is not what it was when it was made is made again.
Result<LayerFile> layer_of(const ImageCache& cache, const char* name,
                           const std::function<Result<std::string>()>& make);
// An archive as a layer. Builds it where the cache lacks it.
struct TrainedArchive;
Result<LayerFile> archive_layer(const ImageCache& cache, const TrainedArchive& archive,
                                const Jdk& jdk);

// The layers as partitions, as the configuration in the plan names them.
std::vector<PartitionContent> layer_partitions(const ImagePlan& plan);

}  // namespace moka
