// SPDX-License-Identifier: Apache-2.0
#include "elf/library_cache.h"

#include <cstdint>
#include <cstring>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::size_t kHeaderSize = 48;
constexpr std::size_t kEntrySize = 24;
constexpr std::size_t kLargestCache = 64u << 20;
// The flags of a 64-bit x86 library for glibc, and the mask that ignores what else is in there.
constexpr std::uint32_t kElfLibc6X8664 = 0x0303;
constexpr std::uint32_t kFlagsMask = 0xffff;

std::uint32_t load32(std::string_view bytes, std::size_t offset) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::uint64_t load64(std::string_view bytes, std::size_t offset) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// The string at an offset, or an empty one where it lies outside or does not end.
std::string_view string_at(std::string_view bytes, std::size_t offset) {
  if (offset >= bytes.size()) return {};
  const std::size_t end = bytes.find('\0', offset);
  return end == std::string_view::npos ? std::string_view() : bytes.substr(offset, end - offset);
}

// ".1.10" is higher than ".1.9".
bool is_lower_version(std::string_view a, std::string_view b) {
  const auto next = [](std::string_view& text) {
    std::uint64_t number = 0;
    text.remove_prefix(1);
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
      number = number * 10 + static_cast<unsigned>(text.front() - '0');
    return number;
  };
  while (!a.empty() && !b.empty()) {
    const std::uint64_t left = next(a), right = next(b);
    if (left != right) return left < right;
  }
  return a.empty() && !b.empty();
}

}  // namespace

LibraryCache LibraryCache::parse(std::string_view bytes) {
  LibraryCache cache;
  // String offsets count from the new header, wherever it is.
  const std::size_t start = bytes.find(kMagic);
  if (start == std::string_view::npos) return cache;
  bytes.remove_prefix(start);
  if (bytes.size() < kHeaderSize) return cache;
  const std::size_t count = load32(bytes, kMagic.size());
  if (count > (bytes.size() - kHeaderSize) / kEntrySize) return cache;
  for (std::size_t index = 0; index < count; ++index) {
    const std::size_t entry = kHeaderSize + index * kEntrySize;
    const bool is_plain = load64(bytes, entry + 16) == 0;  // no hardware capability asked for
    if ((load32(bytes, entry) & kFlagsMask) != kElfLibc6X8664 || !is_plain) continue;
    const std::string_view name = string_at(bytes, load32(bytes, entry + 4));
    const std::string_view path = string_at(bytes, load32(bytes, entry + 8));
    // The first entry of a name is the one that the loader prefers.
    if (!name.empty() && path.starts_with('/')) cache.paths_.emplace(name, path);
  }
  return cache;
}

LibraryCache LibraryCache::read_host() {
  const Result<std::string> bytes = read_file("/etc/ld.so.cache", kLargestCache);
  return bytes ? parse(bytes.value()) : LibraryCache();
}

std::string LibraryCache::find_named(std::string_view name) const {
  if (paths_.contains(name)) return std::string(name);
  const std::string plain = "lib" + std::string(name) + ".so";
  std::string best;
  for (auto entry = paths_.lower_bound(plain);
       entry != paths_.end() && entry->first.starts_with(plain); ++entry) {
    const std::string_view rest = std::string_view(entry->first).substr(plain.size());
    if (rest.empty()) return plain;
    if (rest.front() != '.') continue;  // another name that begins so
    if (best.empty() || is_lower_version(std::string_view(best).substr(plain.size()), rest))
      best = entry->first;
  }
  return best;
}

std::string LibraryCache::find(std::string_view soname) const {
  const auto found = paths_.find(soname);
  return found == paths_.end() ? std::string() : found->second;
}

}  // namespace moka
