// SPDX-License-Identifier: Apache-2.0
#include "disk/disk_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/files.h"
#include "support/interruption.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

constexpr std::size_t kPage = 4096;

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

class Writer {
 public:
  Writer(int fd, const std::string& path) : fd_(fd), path_(path) {}

  Result<void> write(std::string_view bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
      if (is_interrupted()) return interrupted();
      // A hole reads as zeros and takes no room.
      const bool is_hole = is_zero(bytes.substr(0, kPage));
      std::size_t size = std::min(kPage, bytes.size());
      while (size < bytes.size() && is_zero(bytes.substr(size, kPage)) == is_hole)
        size += std::min(kPage, bytes.size() - size);
      if (!is_hole) MOKA_TRY(write_all(bytes.substr(0, size), offset));
      bytes.remove_prefix(size);
      offset += size;
    }
    return {};
  }

  Result<void> copy(const std::string& file, std::uint64_t size, std::uint64_t offset) {
    UniqueFd source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) return Error{"cannot read " + file + ": " + error_text(errno)};
    std::string buffer(1u << 20, '\0');
    for (std::uint64_t done = 0; done < size;) {
      const std::size_t piece = std::min<std::uint64_t>(buffer.size(), size - done);
      // SAFETY: any object may be looked at as bytes.
      auto* const bytes = reinterpret_cast<std::uint8_t*>(buffer.data());
      if (!read_exactly_at(source.get(), {bytes, piece}, done))
        return Error{file + " became shorter while it was read; try again"};
      MOKA_TRY(write({buffer.data(), piece}, offset + done));
      done += piece;
    }
    return {};
  }

 private:
  Result<void> write_all(std::string_view bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return Error{"cannot write " + path_ + ": " + error_text(errno)};
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  const int fd_;
  const std::string& path_;
};

}  // namespace

Result<void> write_disk(int fd, const std::string& path,
                        const std::vector<PartitionContent>& contents, const Guid& disk_guid,
                        std::string_view boot_code, std::uint64_t multiple) {
  std::vector<Partition> partitions;
  for (const PartitionContent& content : contents) partitions.push_back(content.partition);
  const std::uint64_t least = place_partitions(partitions);
  const std::uint64_t size = (least + multiple - 1) / multiple * multiple;
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0)
    return Error{"cannot write " + path + ": " + error_text(errno)};
  Writer writer(fd, path);
  const EncodedTable table = encode_partition_table(partitions, size, disk_guid, boot_code);
  MOKA_TRY(writer.write(table.front, 0));
  for (std::size_t index = 0; index < contents.size(); ++index) {
    const PartitionContent& content = contents[index];
    const Partition& placed = partitions[index];
    MOKA_TRY(content.file.empty() ? writer.write(content.bytes, placed.offset)
                                  : writer.copy(content.file, placed.size, placed.offset));
  }
  return writer.write(table.back, size - table.back.size());
}

}  // namespace moka
