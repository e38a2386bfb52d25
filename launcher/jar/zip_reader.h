// SPDX-License-Identifier: Apache-2.0
//
// Reads the central directory of a zip file, and single small entries. The file is whatever the
// user pointed at, so every offset and count in it is checked against the file's size before use.
// Format: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to
// 4.3.16 (end records, with zip64).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class ZipReader {
 public:
  // Fails with advice where the file is missing, not a zip, or cut short.
  static Result<ZipReader> open(const std::string& path);

  bool contains(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  // The first `limit` bytes of an entry, inflated. Fails where the entry is missing, damaged,
  // encrypted or compressed by a method that java does not read either.
  Result<std::string> read_prefix(std::string_view name, std::size_t limit) const;

  // The whole entry; fails where it is larger than `limit`.
  Result<std::string> read(std::string_view name, std::size_t limit) const;

  std::size_t entry_count() const { return entries_.size(); }

  // Calls visit(name) for each entry, in order of names.
  template <typename Visitor>
  void for_each_name(Visitor visit) const {
    for (const auto& [name, entry] : entries_) visit(name);
  }

 private:
  struct Entry {
    std::uint16_t flags;
    std::uint16_t method;
    std::uint64_t compressed_size;
    std::uint64_t size;
    std::uint64_t header_offset;
  };
  struct EndRecord {
    std::uint64_t entry_count;
    std::uint64_t directory_size;
    std::uint64_t directory_offset;
    // Bytes in front of the archive, as in a self-running jar: offsets count from there.
    std::uint64_t base;
  };

  ZipReader(std::string path, UniqueFd fd, std::uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  Result<EndRecord> find_end_record() const;
  bool apply_zip64(std::uint64_t end_record_offset, EndRecord& record) const;
  Result<void> read_directory(const EndRecord& end);
  Error truncated() const;

  std::string path_;
  UniqueFd fd_;
  std::uint64_t size_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace moka
