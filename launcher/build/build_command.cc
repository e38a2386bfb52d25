// SPDX-License-Identifier: Apache-2.0
#include "build/build_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "build/build_options.h"
#include "build/image_plan.h"
#include "disk/boot_loader.h"
#include "disk/disk_image.h"
#include "guest/cpio.h"
#include "session/messages.h"
#include "support/command.h"
#include "support/files.h"
#include "support/hash.h"
#include "support/interruption.h"
#include "support/output_file.h"
#include "support/scratch_directory.h"

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

// The whole disk in the order that disk/boot_loader.h counts.
Result<void> write_bootable(const ImagePlan& plan, int fd, const std::string& path,
                            const std::string& scratch) {
  constexpr std::size_t kLargestPartition = 64u << 20;
  BootLoader loader = MOKA_TRY(make_boot_loader(kPartitionAlignment, plan.kernel_options, scratch));
  std::vector<PartitionContent> contents;
  contents.push_back(partition_of("mokapot-bios", kBiosBootType, std::move(loader.core)));
  contents.push_back(partition_of("mokapot-efi", kEfiSystemType,
                                  MOKA_TRY(read_file(loader.efi_system_path, kLargestPartition))));
  contents.push_back(partition_of("mokapot-boot", kLinuxDataType,
                                  cpio_archive({{kManifestMember, plan.manifest},
                                                {kKernelMember, plan.kernel},
                                                {kInitrdMember, plan.initrd},
                                                {kSbomMember, plan.sbom},
                                                {kLicensesMember, plan.licenses}})));
  for (PartitionContent& layer : layer_partitions(plan)) contents.push_back(std::move(layer));
  return write_disk(fd, path, contents, guid_of("disk", plan.manifest), loader.boot_code);
}

Result<void> write_raw(const ImagePlan& plan, const OutputFile& output,
                       const std::string& scratch) {
  return write_bootable(plan, output.fd(), output.unfinished(), scratch);
}

// One coroutine: with several the order of clusters would depend on which thread is done first.
Result<void> write_qcow2(const ImagePlan& plan, const OutputFile& output,
                         const std::string& scratch) {
  const std::string raw = scratch + "/disk";
  UniqueFd fd = MOKA_TRY(create_file(raw, 0600));
  MOKA_TRY(write_bootable(plan, fd.get(), raw, scratch));
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

Result<void> write_file_in(const std::string& folder, const char* name, std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const UniqueFd file = MOKA_TRY(create_file(path, 0644));
  if (!write_fully(file.get(), bytes))
    return Error{"cannot write " + path + ": " + error_text(errno)};
  return {};
}

// For hypervisors that load a kernel by themselves.
Result<void> write_pair(const ImagePlan& plan, const OutputFile& output) {
  const std::string& folder = output.unfinished();
  MOKA_TRY(write_file_in(folder, "kernel.elf", plan.kernel));
  MOKA_TRY(write_file_in(folder, "initrd", plan.initrd));
  MOKA_TRY(write_file_in(folder, kManifestMember, plan.manifest));
  MOKA_TRY(write_file_in(folder, kSbomMember, plan.sbom));
  MOKA_TRY(write_file_in(folder, kLicensesMember, plan.licenses));
  MOKA_TRY(write_file_in(folder, "cmdline", plan.kernel_options + "\n"));
  const std::string disk = folder + "/disk.img";
  const UniqueFd fd = MOKA_TRY(create_file(disk, 0644));
  return write_disk(fd.get(), disk, layer_partitions(plan), guid_of("disk", plan.manifest), "");
}

// A folder that is replaced as a whole must not hold what somebody else put there.
Result<void> check_folder(const std::string& folder) {
  if (!is_directory(folder) || is_regular_file(folder + "/manifest.json")) return {};
  if (::access(folder.c_str(), W_OK) == 0 && ::rmdir(folder.c_str()) == 0) return {};
  return Error{folder + " is there and holds no image; name a new folder"};
}

Result<void> build(const BuildOptions& options, const Messages& messages) {
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  const bool is_pair = options.format == ImageFormat::kPair;
  if (is_pair) MOKA_TRY(check_folder(options.output));
  OutputFile output = MOKA_TRY(OutputFile::create(
      options.output, is_pair ? OutputFile::Kind::kFolder : OutputFile::Kind::kFile));
  if (!options.run.folder.empty() && ::chdir(options.run.folder.c_str()) != 0)
    return Error{"--dir " + options.run.folder + ": " + error_text(errno)};
  const ImagePlan plan = MOKA_TRY(plan_image(options, cache));
  if (!plan.note.empty()) std::fputs(messages.note(plan.note).c_str(), stderr);
  if (!plan.warning.empty()) std::fputs(messages.warning(plan.warning).c_str(), stderr);
  if (!plan.archive.empty())
    MOKA_TRY(write_file_atomically(options.training.output, plan.archive, 0644));
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  switch (options.format) {
    case ImageFormat::kRaw:
      MOKA_TRY(write_raw(plan, output, scratch.path()));
      break;
    case ImageFormat::kQcow2:
      MOKA_TRY(write_qcow2(plan, output, scratch.path()));
      break;
    case ImageFormat::kPair:
      MOKA_TRY(write_pair(plan, output));
      break;
    case ImageFormat::kGce:  // refused with the options
      break;
  }
  if (is_interrupted()) return interrupted();
  MOKA_TRY(output.finish());
  // A pair has it inside.
  if (is_pair) return {};
  return write_file_atomically(options.output + ".cdx.json", plan.sbom, 0644);
}

}  // namespace

int build_command_line(const std::vector<std::string>& words) {
  if (!words.empty() && (words.front() == "--help" || words.front() == "-h")) {
    std::fputs(kBuildUsage, stdout);
    return 0;
  }
  const Result<BuildOptions> options = parse_build_options(words);
  const OutputFormat format = options ? options.value().run.output : OutputFormat::kText;
  const Messages messages(format, options && options.value().run.is_verbose);
  if (!options) {
    std::fputs(messages.error(options.error().message).c_str(), stderr);
    return kStatusBadInput;
  }
  take_interruptions();
  const Result<void> built = build(options.value(), messages);
  if (built) return 0;
  std::fputs(messages.error(built.error().message).c_str(), stderr);
  die_if_interrupted();
  return kStatusBadInput;
}

}  // namespace moka
