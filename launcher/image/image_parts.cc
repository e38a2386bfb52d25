// SPDX-License-Identifier: Apache-2.0
#include "image/image_parts.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "disk/boot_loader.h"
#include "image/bootable_image.h"
#include "support/digest.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/json.h"

namespace moka {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostLayers = 16;
constexpr std::uint64_t kLargestLoader = 64u << 20;
constexpr std::size_t kBootCodeBytes = 440;  // of the MBR
const Error kDamaged{"its manifest is damaged; build it again"};

struct StatedLayer {
  std::string name, sha256;
  Guid partition;
  std::uint64_t bytes = 0;
};

Result<StatedLayer> stated_layer(const Json& object) {
  if (!object.is_object()) return kDamaged;
  const auto bytes = object.find("bytes");
  if (bytes == object.end() || !bytes->is_number_unsigned()) return kDamaged;
  StatedLayer layer{text_in(object, "name"), text_in(object, "sha256"),
                    Guid::from_text(text_in(object, "partition")), bytes->get<std::uint64_t>()};
  // The name becomes part of a file's.
  const bool is_sound =
      !layer.name.empty() && layer.name.size() < 32 &&
      layer.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!is_sound) return kDamaged;
  return layer;
}

// The manifest says what the layer is; the disk says where.
Result<PartitionContent> extract_layer(const DiskReader& disk,
                                       const std::vector<Partition>& partitions,
                                       const StatedLayer& stated, const std::string& to) {
  for (const Partition& partition : partitions) {
    if (partition.guid != stated.partition) continue;
    if (partition.size < stated.bytes) break;
    MOKA_TRY(disk.extract(partition.offset, stated.bytes, to));
    if (is_interrupted()) return interrupted();
    if (MOKA_TRY(sha256_of_file(to)) != stated.sha256)
      return Error{"its layer " + stated.name +
                   " is damaged: it is not what the manifest says; build the image again"};
    PartitionContent content;
    content.partition = {partition.name, partition.type, partition.guid, stated.bytes, 0};
    content.file = to;
    return content;
  }
  return Error{"its layer " + stated.name + " is missing; build the image again"};
}

// By their types: the numbers are the boot loader's own business.
Result<ImageParts::BootLoader> read_boot_loader(const DiskReader& disk,
                                                const std::vector<Partition>& partitions) {
  ImageParts::BootLoader loader;
  loader.boot_code = MOKA_TRY(disk.read(0, kBlockSize)).substr(0, kBootCodeBytes);
  for (const Guid& type : {kBiosBootType, kEfiSystemType}) {
    for (const Partition& partition : partitions) {
      if (partition.type != type) continue;
      if (partition.size > kLargestLoader) return kDamaged;
      PartitionContent content;
      content.partition = partition;
      content.bytes = MOKA_TRY(disk.read(partition.offset, partition.size));
      loader.partitions.push_back(std::move(content));
      break;
    }
  }
  if (loader.partitions.size() != 2)
    return Error{"its boot loader is missing; build the image again"};
  return loader;
}

Result<ImageParts> read_parts(BootableImage image, const std::string& scratch) {
  const Json manifest = parse_json<Json>(image.manifest);
  const auto layers = manifest.find("layers");
  const auto kernel = manifest.find("kernel");
  if (layers == manifest.end() || !layers->is_array() || layers->size() > kMostLayers ||
      kernel == manifest.end() || !kernel->is_object())
    return kDamaged;
  ImageParts parts;
  parts.kernel_options = text_in(*kernel, "options");
  const DiskReader disk = MOKA_TRY(DiskReader::open(image.disk));
  const std::string front = MOKA_TRY(disk.read(0, kTableBytes));
  const auto partitions = MOKA_TRY(read_partition_table(front));
  for (const Json& object : *layers) {
    const StatedLayer stated = MOKA_TRY(stated_layer(object));
    const std::string file =
        scratch + "/" + std::to_string(parts.layers.size()) + "." + stated.name;
    parts.layers.push_back(MOKA_TRY(extract_layer(disk, partitions, stated, file)));
  }
  if (!image.is_pair) parts.boot_loader = MOKA_TRY(read_boot_loader(disk, partitions));
  parts.manifest = std::move(image.manifest);
  parts.kernel = std::move(image.kernel);
  parts.initrd = std::move(image.initrd);
  parts.sbom = std::move(image.sbom);
  parts.licenses = std::move(image.licenses);
  return parts;
}

}  // namespace

Result<ImageParts> read_image_parts(const std::string& path, const std::string& scratch) {
  BootableImage image = MOKA_TRY(open_bootable_image(path));
  Result<ImageParts> parts = read_parts(std::move(image), scratch);
  if (!parts && !is_interrupted()) return Error{path + " cannot be used: " + parts.error().message};
  return parts;
}

}  // namespace moka
