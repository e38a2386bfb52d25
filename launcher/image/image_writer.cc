// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "disk/boot_loader.h"
#include "disk/gce_archive.h"
#include "guest/cpio.h"
#include "image/image_parts.h"
#include "image/kept_result.h"
#include "support/command.h"
#include "support/files.h"
#include "support/gzip.h"
#include "support/hash.h"
#include "support/interruption.h"

namespace moka {
namespace {

// GUIDs of what has no digest of its own: of the contents, which are enough to tell it by.
Guid guid_of(std::string_view kind, std::string_view content) {
  return Guid::from_digest(Hash().add(kind).add(content).text());
}

PartitionContent partition_of(const char* name, const Guid& type, std::string bytes) {
  PartitionContent content;
  content.partition = {name, type, guid_of(name, bytes), bytes.size(), 0};
  content.bytes = std::move(bytes);
  return content;
}

constexpr const char* kBootCodeMember = "code";
constexpr const char* kCoreMember = "core";
constexpr const char* kEfiMember = "efi";

Result<std::string> make_loader_archive(const ImageParts& parts, const std::string& scratch) {
  constexpr std::size_t kLargestPartition = 64u << 20;
  BootLoader made = MOKA_TRY(make_boot_loader(kPartitionAlignment, parts.kernel_options, scratch));
  return cpio_archive({{kBootCodeMember, std::move(made.boot_code)},
                       {kCoreMember, std::move(made.core)},
                       {kEfiMember, MOKA_TRY(read_file(made.efi_system_path, kLargestPartition))}});
}

// To make a boot loader takes longer than all else where the layers are there already.
Result<ImageParts::BootLoader> boot_loader_of(const ImageParts& parts, const ImageCache& cache,
                                              const std::string& scratch) {
  if (parts.boot_loader) return *parts.boot_loader;
  const std::string key = "boot loader 3\n" + MOKA_TRY(boot_loader_state()) + parts.kernel_options;
  const std::string archive =
      MOKA_TRY(kept_result(cache, key, [&] { return make_loader_archive(parts, scratch); }));
  std::vector<CpioMember> members = MOKA_TRY(read_cpio(archive));
  if (members.size() != 3) return Error{"the boot loader in the cache is damaged: moka image prune"};
  return ImageParts::BootLoader{
      std::move(members[0].content),
      {partition_of("mokapot-bios", kBiosBootType, std::move(members[1].content)),
       partition_of("mokapot-efi", kEfiSystemType, std::move(members[2].content))}};
}

// As small as can be, which takes a quarter of a second for a kernel.
Result<std::string> compressed(const ImageCache& cache, const std::string& bytes) {
  return kept_result(cache, "gzip 9\n" + Hash().add(bytes).text(),
                     [&bytes]() -> Result<std::string> { return gzip(bytes); });
}

// The whole disk in the order that disk/boot_loader.h counts.
Result<void> write_bootable(const ImageParts& parts, int fd, const std::string& path,
                            const ImageCache& cache, const std::string& scratch,
                            std::uint64_t multiple = kPartitionAlignment) {
  ImageParts::BootLoader loader = MOKA_TRY(boot_loader_of(parts, cache, scratch));
  std::vector<PartitionContent> contents = std::move(loader.partitions);
  contents.push_back(partition_of("mokapot-boot", kLinuxDataType,
                                  cpio_archive({{kManifestMember, parts.manifest},
                                                {kKernelMember, MOKA_TRY(compressed(cache, parts.kernel))},
                                                {kInitrdMember, parts.initrd},
                                                {kSbomMember, MOKA_TRY(compressed(cache, parts.sbom))},
                                                {kLicensesMember,
                                                 MOKA_TRY(compressed(cache, parts.licenses))}})));
  contents.insert(contents.end(), parts.layers.begin(), parts.layers.end());
  return write_disk(fd, path, contents, guid_of("disk", parts.manifest), loader.boot_code,
                    multiple);
}

Result<void> write_raw(const ImageParts& parts, const OutputFile& output,
                       const ImageCache& cache, const std::string& scratch) {
  return write_bootable(parts, output.fd(), output.unfinished(), cache, scratch);
}

// One coroutine: with several the order of clusters would depend on which thread is done first.
Result<void> write_qcow2(const ImageParts& parts, const OutputFile& output,
                         const ImageCache& cache, const std::string& scratch) {
  const std::string raw = scratch + "/disk";
  UniqueFd fd = MOKA_TRY(create_file(raw, 0600));
  MOKA_TRY(write_bootable(parts, fd.get(), raw, cache, scratch));
  const CommandOutcome outcome =
      run_command({"qemu-img", "convert", "-q", "-m", "1", "-c", "-o", "compression_type=zstd",
                   "-f", "raw", "-O", "qcow2", raw, output.unfinished()});
  if (is_interrupted()) return interrupted();
  if (outcome.status == kCommandNotFound)
    return Error{"qemu-img is not installed: install it (Debian: qemu-utils)"};
  if (outcome.status != 0)
    return Error{"qemu-img could not write the image: " + std::string(trim(outcome.output))};
  return {};
}

Result<void> write_gce(const ImageParts& parts, const OutputFile& output,
                       const ImageCache& cache, const std::string& scratch) {
  const std::string raw = scratch + "/disk.raw";
  UniqueFd fd = MOKA_TRY(create_file(raw, 0600));
  MOKA_TRY(write_bootable(parts, fd.get(), raw, cache, scratch, kGceDiskMultiple));
  return write_gce_archive(output.fd(), output.unfinished(), raw);
}

Result<void> write_file_in(const std::string& folder, const char* name, std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const UniqueFd file = MOKA_TRY(create_file(path, 0644));
  if (!write_fully(file.get(), bytes))
    return Error{"cannot write " + path + ": " + error_text(errno)};
  return {};
}

// For hypervisors that load a kernel by themselves.
Result<void> write_pair(const ImageParts& parts, const OutputFile& output) {
  const std::string& folder = output.unfinished();
  MOKA_TRY(write_file_in(folder, kKernelMember, parts.kernel));
  MOKA_TRY(write_file_in(folder, kInitrdMember, parts.initrd));
  MOKA_TRY(write_file_in(folder, kManifestMember, parts.manifest));
  MOKA_TRY(write_file_in(folder, kSbomMember, parts.sbom));
  MOKA_TRY(write_file_in(folder, kLicensesMember, parts.licenses));
  MOKA_TRY(write_file_in(folder, "cmdline", parts.kernel_options + "\n"));
  const std::string disk = folder + "/disk.img";
  const UniqueFd fd = MOKA_TRY(create_file(disk, 0644));
  return write_disk(fd.get(), disk, parts.layers, guid_of("disk", parts.manifest), "");
}

}  // namespace

Result<void> write_image(ImageFormat format, const ImageParts& parts, const OutputFile& output,
                         const ImageCache& cache, const std::string& scratch) {
  switch (format) {
    case ImageFormat::kRaw:
      return write_raw(parts, output, cache, scratch);
    case ImageFormat::kQcow2:
      return write_qcow2(parts, output, cache, scratch);
    case ImageFormat::kPair:
      return write_pair(parts, output);
    case ImageFormat::kGce:
      return write_gce(parts, output, cache, scratch);
  }
  return Error{"no such format"};
}

Result<void> check_image_folder(const std::string& folder) {
  if (!is_directory(folder) || is_regular_file(folder + "/" + kManifestMember)) return {};
  if (::access(folder.c_str(), W_OK) == 0 && ::rmdir(folder.c_str()) == 0) return {};
  return Error{folder + " is there and holds no image; name a new folder"};
}

}  // namespace moka
