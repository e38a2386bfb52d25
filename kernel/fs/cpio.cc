// SPDX-License-Identifier: Apache-2.0

#include "fs/cpio.h"

namespace mokapot {
namespace {

constexpr std::size_t kHeaderSize = 110;
constexpr std::string_view kMagic = "070701", kMagicWithChecksum = "070702", kTrailer = "TRAILER!!!";

// Field number n of the 13 after the magic: eight hexadecimal digits.
bool read_field(std::string_view header, std::size_t n, std::uint32_t& value) {
  value = 0;
  for (const char c : header.substr(kMagic.size() + n * 8, 8)) {
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
    else return false;
    value = value << 4 | digit;
  }
  return true;
}

constexpr std::size_t round_up_4(std::size_t value) { return (value + 3) & ~std::size_t{3}; }

std::string_view without_root(std::string_view name) {
  while (name.starts_with('/') || name.starts_with("./")) name.remove_prefix(name.front() == '/' ? 1 : 2);
  return name;
}

}  // namespace

Result<void> read_cpio(std::span<const std::byte> archive, bool (*visit)(const CpioFile& file, void* context),
                       void* context) {
  // SAFETY: bytes as characters.
  const std::string_view text(reinterpret_cast<const char*>(archive.data()), archive.size());
  std::size_t at = 0;
  bool any = false;
  while (true) {
    while (at < text.size() && text[at] == '\0') ++at;
    if (at == text.size()) {
      if (any) return {};
      return Errno::kEINVAL;
    }
    if (text.size() - at < kHeaderSize) return Errno::kEINVAL;
    const std::string_view header = text.substr(at, kHeaderSize);
    if (!header.starts_with(kMagic) && !header.starts_with(kMagicWithChecksum)) return Errno::kEINVAL;
    std::uint32_t mode = 0, size = 0, name_size = 0;
    if (!read_field(header, 1, mode) || !read_field(header, 6, size) || !read_field(header, 11, name_size)) {
      return Errno::kEINVAL;
    }
    const std::size_t name_at = at + kHeaderSize;
    if (name_size == 0 || name_size > text.size() - name_at || text[name_at + name_size - 1] != '\0') {
      return Errno::kEINVAL;
    }
    const std::string_view name = text.substr(name_at, name_size - 1);
    // Padding counts from the beginning of the archive, members being aligned there.
    const std::size_t data_at = round_up_4(name_at + name_size);
    if (data_at > text.size() || size > text.size() - data_at) return Errno::kEINVAL;
    any = true;
    at = round_up_4(data_at + size);
    if (at > text.size()) at = text.size();  // the last member's padding may be missing
    if (name == kTrailer) continue;
    if (!visit({without_root(name), mode, archive.subspan(data_at, size)}, context)) return {};
  }
}

Result<std::span<const std::byte>> find_in_cpio(std::span<const std::byte> archive, std::string_view name) {
  constexpr std::uint32_t kTypeMask = 0170000, kRegular = 0100000;
  struct Search {
    std::string_view name;
    std::span<const std::byte> data;
    bool found;
  } search{name, {}, false};
  auto outcome = read_cpio(
      archive,
      [](const CpioFile& file, void* context) {
        auto& s = *static_cast<Search*>(context);
        if (file.name != s.name || (file.mode & kTypeMask) != kRegular) return true;
        s.data = file.data;
        s.found = true;
        return false;
      },
      &search);
  if (search.found) return search.data;
  if (!outcome.ok()) return outcome.error();
  return Errno::kENOENT;
}

}  // namespace mokapot
