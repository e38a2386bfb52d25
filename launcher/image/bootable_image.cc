// SPDX-License-Identifier: Apache-2.0
#include "image/bootable_image.h"

#include <nlohmann/json.hpp>

#include "contract/vm_contract.h"
#include "disk/boot_loader.h"
#include "disk/partition_table.h"
#include "guest/cpio.h"
#include "support/files.h"
#include "support/gzip.h"
#include "support/json.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr std::uint64_t kLargestArchive = 256u << 20;
constexpr std::string_view kBootPartitionName = "mokapot-boot";
constexpr const char* kPairDisk = "disk.img";

Result<std::int64_t> version_in(const nlohmann::json& manifest, const char* name) {
  const auto version = manifest.find(name);
  if (version == manifest.end() || !version->is_number_integer())
    return Error{"its manifest is damaged"};
  return version->get<std::int64_t>();
}

Result<void> check_manifest(BootableImage& image) {
  const auto manifest = parse_json<nlohmann::json>(image.manifest);
  if (!manifest.is_object()) return Error{"its manifest is damaged"};
  const std::int64_t version = MOKA_TRY(version_in(manifest, "mokapotImage"));
  if (version > kManifestVersion)
    return Error{"it is of image version " + std::to_string(version) +
                 " and this moka knows none after " + std::to_string(kManifestVersion) +
                 "; a newer moka made it: install that one"};
  if (version < kOldestManifestVersion)
    return Error{"it is of image version " + std::to_string(version) +
                 " and this moka knows none before " + std::to_string(kOldestManifestVersion) +
                 "; build it again"};
  const std::int64_t spoken = MOKA_TRY(version_in(manifest, "contract"));
  if (spoken < 0 || spoken > 1'000'000) return Error{"its manifest is damaged"};
  image.contract = static_cast<int>(spoken);
  return {};
}

Result<BootableImage> read_disk(const std::string& path) {
  const DiskReader reader = MOKA_TRY(DiskReader::open(path));
  const std::string front = MOKA_TRY(reader.read(0, kTableBytes));
  if (!has_partition_table(front)) return Error{"it holds no partitions"};
  const auto partitions = MOKA_TRY(read_partition_table(front));
  for (const Partition& partition : partitions) {
    if (partition.name != kBootPartitionName) continue;
    if (partition.size > kLargestArchive) return Error{"its boot partition is damaged"};
    const std::string bytes = MOKA_TRY(reader.read(partition.offset, partition.size));
    const std::vector<CpioMember> members = MOKA_TRY(read_cpio(bytes));
    const std::string* const manifest = find_member(members, kManifestMember);
    const std::string* const kernel = find_member(members, kKernelMember);
    const std::string* const initrd = find_member(members, kInitrdMember);
    if (manifest == nullptr || kernel == nullptr || initrd == nullptr)
      return Error{"its boot partition is damaged"};
    // Compressed, but in images of before.
    const auto text_of = [&members](const char* name) {
      const std::string* const text = find_member(members, name);
      return gunzip(text != nullptr ? *text : std::string(), kLargestArchive);
    };
    BootableImage image;
    image.format = reader.format();
    image.disk = path;
    image.manifest = *manifest;
    image.kernel = MOKA_TRY(text_of(kKernelMember));
    image.initrd = *initrd;
    image.sbom = MOKA_TRY(text_of(kSbomMember));
    image.licenses = MOKA_TRY(text_of(kLicensesMember));
    return image;
  }
  return Error{"it is a disk, but none that moka build made"};
}

Result<BootableImage> read_pair(const std::string& folder) {
  BootableImage image;
  image.is_pair = true;
  image.disk = folder + "/" + kPairDisk;
  if (!is_regular_file(image.disk)) return Error{std::string("it lacks ") + kPairDisk};
  const auto read = [&folder](const char* name) {
    return read_file(folder + "/" + name, kLargestArchive);
  };
  image.manifest = MOKA_TRY(read(kManifestMember));
  image.kernel = MOKA_TRY(read(kKernelMember));
  image.initrd = MOKA_TRY(read(kInitrdMember));
  image.sbom = MOKA_TRY(read(kSbomMember));
  image.licenses = MOKA_TRY(read(kLicensesMember));
  return image;
}

}  // namespace

bool looks_like_pair(const std::string& path) {
  return is_directory(path) && is_regular_file(path + "/" + kManifestMember) &&
         is_regular_file(path + "/" + kKernelMember);
}

Result<BootableImage> open_bootable_image(const std::string& path) {
  Result<BootableImage> image = is_directory(path) ? read_pair(path) : read_disk(path);
  if (image)
    if (const Result<void> checked = check_manifest(image.value()); !checked)
      image = checked.error();
  if (!image) return Error{path + " cannot be used: " + image.error().message};
  return image;
}

Result<void> check_contract(const BootableImage& image, const std::string& path) {
  if (image.contract > contract::kVersion)
    return Error{path + " cannot be used: its kernel speaks version " +
                 std::to_string(image.contract) +
                 " of the language between moka and kernels, and "
                 "this moka only " +
                 std::to_string(contract::kVersion) + "; a newer moka made it: install that one"};
  if (image.contract < contract::kOldestVersion)
    return Error{path + " cannot be used: its kernel speaks version " +
                 std::to_string(image.contract) +
                 " of the language between moka and kernels, which this moka has given up; "
                 "moka image rebase " +
                 path + " puts this moka's kernel into it"};
  return {};
}

}  // namespace moka
