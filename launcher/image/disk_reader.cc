// SPDX-License-Identifier: Apache-2.0
//
// QEMU's docs/interop/qcow2.txt: big-endian fields of the header.
#include "image/disk_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "disk/partition_table.h"
#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

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
  struct stat status {};
  // Before memory is taken for it: the size may be anything.
  if (::fstat(fd, &status) != 0 || offset > static_cast<std::uint64_t>(status.st_size) ||
      size > static_cast<std::uint64_t>(status.st_size) - offset)
    return Error{"it is cut short"};
  std::string bytes(size, '\0');
  // SAFETY: any object may be looked at as bytes.
  if (!read_exactly_at(fd, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}, offset))
    return Error{"it is cut short"};
  return bytes;
}

Result<void> check_qcow2(int fd) {
  const std::string header = MOKA_TRY(read_at(fd, 0, kQcow2HeaderBytes));
  const bool has_backing = big_endian64(header, kBackingFileAt) != 0;
  const bool has_data_file =
      (big_endian64(header, kIncompatibleFeaturesAt) & kExternalDataFile) != 0;
  if (has_backing || has_data_file)
    return Error{"it depends on another file; make it whole: qemu-img convert -O qcow2"};
  return {};
}

UniqueFd open_for_reading(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// In words like driver=raw,file.filename=NAME a comma is written twice.
std::string with_commas_doubled(const std::string& text) {
  std::string result;
  for (const char letter : text) result.append(letter == ',' ? 2 : 1, letter);
  return result;
}

}  // namespace

bool looks_like_disk_image(const std::string& path) {
  const UniqueFd file = is_regular_file(path) ? open_for_reading(path) : UniqueFd();
  if (!file) return false;
  const Result<std::string> front = read_at(file.get(), 0, 2 * kBlockSize);
  return front && (front.value().starts_with(kQcow2Magic) || has_partition_table(front.value()));
}

Result<DiskReader> DiskReader::open(const std::string& path) {
  UniqueFd file = open_for_reading(path);
  if (!file) return Error{"it cannot be read: " + error_text(errno)};
  const std::string front = MOKA_TRY(read_at(file.get(), 0, 2 * kBlockSize));
  const bool is_qcow2 = front.starts_with(kQcow2Magic);
  if (is_qcow2) MOKA_TRY(check_qcow2(file.get()));
  return DiskReader(path, std::move(file), is_qcow2 ? DiskFormat::kQcow2 : DiskFormat::kRaw);
}

Result<std::string> DiskReader::read(std::uint64_t offset, std::uint64_t size) const {
  if (format_ == DiskFormat::kRaw) return read_at(fd_.get(), offset, size);
  const UniqueFd copy(::memfd_create("mokapot-image", MFD_CLOEXEC));
  if (!copy) return Error{"no memory to read it: " + error_text(errno)};
  const std::uint64_t blocks = (size + kBlockSize - 1) / kBlockSize;
  const CommandOutcome outcome =
      run_command({"qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=" + std::to_string(kBlockSize),
                   "skip=" + std::to_string(offset / kBlockSize),
                   "count=" + std::to_string(offset / kBlockSize + blocks), "if=" + path_,
                   "of=/proc/self/fd/" + std::to_string(copy.get())},
                  {}, {copy.get()});
  if (outcome.status == kCommandNotFound)
    return Error{"qemu-img is not installed: install it (Debian: qemu-utils)"};
  if (outcome.status != 0) return Error{std::string(trim(outcome.output))};
  return read_at(copy.get(), 0, size);
}

Result<void> DiskReader::extract(std::uint64_t offset, std::uint64_t size,
                                 const std::string& to) const {
  const bool is_qcow2 = format_ == DiskFormat::kQcow2;
  const std::string window =
      "driver=raw,offset=" + std::to_string(offset) + ",size=" + std::to_string(size) +
      (is_qcow2 ? ",file.driver=qcow2,file.file.driver=file,file.file.filename="
                : ",file.driver=file,file.filename=") +
      with_commas_doubled(path_);
  const CommandOutcome outcome =
      run_command({"qemu-img", "convert", "-q", "--image-opts", "-O", "raw", window, to});
  if (outcome.status == kCommandNotFound)
    return Error{"qemu-img is not installed: install it (Debian: qemu-utils)"};
  if (outcome.status != 0) return Error{std::string(trim(outcome.output))};
  return {};
}

}  // namespace moka
