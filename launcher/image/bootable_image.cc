// SPDX-License-Identifier: Apache-2.0
#include "image/bootable_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "disk/boot_loader.h"
#include "disk/partition_table.h"
#include "guest/cpio.h"
#include "support/command.h"
#include "support/files.h"
#include "support/gzip.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

constexpr int kManifestVersion = 1;
constexpr std::uint64_t kLargestArchive = 256u << 20;
constexpr std::string_view kBootPartitionName = "mokapot-boot";

// QEMU's docs/interop/qcow2.txt: big-endian fields of the header.
constexpr std::string_view kQcow2Magic = "QFI\xfb";
constexpr std::size_t kBackingFileAt = 8;
constexpr std::size_t kIncompatibleFeaturesAt = 72;
constexpr std::uint64_t kExternalDataFile = 4;
constexpr std::size_t kQcow2HeaderBytes = 104;

std::uint64_t big_endian64(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t index = 0; index < 8; ++index)
    value = value << 8 | static_cast<unsigned char>(bytes[at + index]);
  return value;
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  // SAFETY: any object may be looked at as bytes.
  if (!read_exactly_at(fd, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}, offset))
    return Error{"it is cut short"};
  return bytes;
}

// Other files that an image names would be read with the user's rights, whoever made the image.
Result<void> check_qcow2(int fd) {
  const std::string header = MOKA_TRY(read_at(fd, 0, kQcow2HeaderBytes));
  const bool has_backing = big_endian64(header, kBackingFileAt) != 0;
  const bool has_data_file =
      (big_endian64(header, kIncompatibleFeaturesAt) & kExternalDataFile) != 0;
  if (has_backing || has_data_file)
    return Error{"it depends on another file; make it whole: qemu-img convert -O qcow2"};
  return {};
}

class Reader {
 public:
  Reader(const std::string& path, int fd, DiskFormat format)
      : path_(path), fd_(fd), format_(format) {}

  // `offset` and `size` are multiples of a block.
  Result<std::string> read(std::uint64_t offset, std::uint64_t size) const {
    if (format_ == DiskFormat::kRaw) return read_at(fd_, offset, size);
    const UniqueFd copy(::memfd_create("mokapot-image", MFD_CLOEXEC));
    if (!copy) return Error{"no memory to read it: " + error_text(errno)};
    const CommandOutcome outcome = run_command(
        {"qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=" + std::to_string(kBlockSize),
         "skip=" + std::to_string(offset / kBlockSize),
         "count=" + std::to_string((offset + size) / kBlockSize), "if=" + path_,
         "of=/proc/self/fd/" + std::to_string(copy.get())},
        {}, {copy.get()});
    if (outcome.status == kCommandNotFound)
      return Error{"qemu-img is not installed: install it (Debian: qemu-utils)"};
    if (outcome.status != 0) return Error{std::string(trim(outcome.output))};
    return read_at(copy.get(), 0, size);
  }

 private:
  const std::string& path_;
  const int fd_;
  const DiskFormat format_;
};

Result<void> check_manifest(const std::string& text) {
  const auto manifest = nlohmann::json::parse(text, nullptr, false);
  const auto version = manifest.is_object() ? manifest.find("mokapotImage") : manifest.end();
  if (!manifest.is_object() || version == manifest.end() || !version->is_number_integer())
    return Error{"its manifest is damaged"};
  if (version->get<std::int64_t>() != kManifestVersion)
    return Error{"it is of image version " + version->dump() + " and this moka knows version " +
                 std::to_string(kManifestVersion) +
                 "; use the moka that made it, or build it again"};
  return {};
}

Result<BootableImage> read_image(const Reader& reader, DiskFormat format) {
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
    MOKA_TRY(check_manifest(*manifest));
    // Compressed, but in images of before.
    const auto text_of = [&members](const char* name) {
      const std::string* const text = find_member(members, name);
      return gunzip(text != nullptr ? *text : std::string(), kLargestArchive);
    };
    BootableImage image{format, *manifest, MOKA_TRY(text_of(kKernelMember)), *initrd, "", ""};
    image.sbom = MOKA_TRY(text_of(kSbomMember));
    image.licenses = MOKA_TRY(text_of(kLicensesMember));
    return image;
  }
  return Error{"it is a disk, but none that moka build made"};
}

UniqueFd open_for_reading(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

bool looks_like_disk_image(const std::string& path) {
  const UniqueFd file = is_regular_file(path) ? open_for_reading(path) : UniqueFd();
  if (!file) return false;
  const Result<std::string> front = read_at(file.get(), 0, 2 * kBlockSize);
  return front && (front.value().starts_with(kQcow2Magic) || has_partition_table(front.value()));
}

Result<BootableImage> open_bootable_image(const std::string& path) {
  const auto refuse = [&path](const Error& error) {
    return Error{path + " cannot be used: " + error.message};
  };
  const UniqueFd file = open_for_reading(path);
  if (!file) return Error{"cannot read " + path + ": " + error_text(errno)};
  const Result<std::string> front = read_at(file.get(), 0, 2 * kBlockSize);
  if (!front) return refuse(front.error());
  const bool is_qcow2 = front.value().starts_with(kQcow2Magic);
  if (is_qcow2)
    if (const Result<void> checked = check_qcow2(file.get()); !checked)
      return refuse(checked.error());
  const DiskFormat format = is_qcow2 ? DiskFormat::kQcow2 : DiskFormat::kRaw;
  Result<BootableImage> image = read_image(Reader(path, file.get(), format), format);
  if (!image) return refuse(image.error());
  return image;
}

}  // namespace moka
