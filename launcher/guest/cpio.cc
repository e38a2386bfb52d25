// SPDX-License-Identifier: Apache-2.0
#include "guest/cpio.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace moka {
namespace {

constexpr std::string_view kMagic = "070701";
constexpr std::string_view kTrailerName = "TRAILER!!!";
constexpr std::size_t kAlignment = 4;
constexpr unsigned kRegularPrivate = 0100600;
constexpr std::size_t kFields = 13;
constexpr std::size_t kDigits = 8;
constexpr std::size_t kHeaderSize = kMagic.size() + kFields * kDigits;
// Indexes of fields.
constexpr std::size_t kFileSize = 6;
constexpr std::size_t kNameSize = 11;

std::size_t padded(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// A header of 13 fields of 8 hexadecimal digits, the name with its NUL, the content; name and
// content each padded to 4 bytes.
void append_member(std::string& archive, std::uint32_t inode, unsigned mode, std::string_view name,
                   std::string_view content) {
  const std::array<std::uint32_t, kFields> fields{
      inode,
      mode,
      0,  // user
      0,  // group
      1,  // links
      0,  // time
      static_cast<std::uint32_t>(content.size()),
      0,  // device numbers: of the file system, and of a device
      0,
      0,
      0,
      static_cast<std::uint32_t>(name.size() + 1),
      0};  // checksum, unused in this variant
  archive += kMagic;
  for (const std::uint32_t field : fields) {
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%08x", field);
    archive += digits;
  }
  archive += name;
  archive += '\0';
  archive.resize(padded(archive.size()));
  archive += content;
  archive.resize(padded(archive.size()));
}

std::optional<std::uint32_t> field_of(std::string_view header, std::size_t index) {
  const std::string_view digits = header.substr(kMagic.size() + index * kDigits, kDigits);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + kDigits, value, 16);
  if (error != std::errc() || end != digits.data() + kDigits) return std::nullopt;
  return value;
}

}  // namespace

std::string cpio_archive(const std::vector<CpioMember>& members) {
  std::string archive;
  std::uint32_t inode = 0;
  for (const CpioMember& member : members)
    append_member(archive, ++inode, kRegularPrivate, member.name, member.content);
  append_member(archive, 0, 0, kTrailerName, {});
  return archive;
}

Result<std::vector<CpioMember>> read_cpio(std::string_view archive) {
  const Error damaged{"the archive is damaged"};
  std::vector<CpioMember> members;
  std::size_t at = 0;
  while (true) {
    if (archive.size() - at < kHeaderSize) return damaged;
    const std::string_view header = archive.substr(at, kHeaderSize);
    const auto size = field_of(header, kFileSize);
    const auto name_size = field_of(header, kNameSize);
    if (!header.starts_with(kMagic) || !size || !name_size || *name_size == 0) return damaged;
    at += kHeaderSize;
    if (archive.size() - at < *name_size) return damaged;
    const std::string_view name = archive.substr(at, *name_size - 1);
    if (name == kTrailerName) return members;
    at = padded(at + *name_size);
    if (at > archive.size() || archive.size() - at < *size) return damaged;
    members.push_back({std::string(name), std::string(archive.substr(at, *size))});
    at = padded(at + *size);
    if (at > archive.size()) return damaged;
  }
}

const std::string* find_member(const std::vector<CpioMember>& members, std::string_view name) {
  for (const CpioMember& member : members)
    if (member.name == name) return &member.content;
  return nullptr;
}

}  // namespace moka
