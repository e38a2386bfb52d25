// SPDX-License-Identifier: Apache-2.0
//
// Writes zip archives for tests, byte by byte, so that each field can be made wrong.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moka::test {

class ZipBuilder {
 public:
  enum class Method { kStored = 0, kDeflated = 8 };

  ZipBuilder& add(std::string name, std::string content, Method method = Method::kStored) {
    entries_.push_back({std::move(name), std::move(content), method});
    return *this;
  }
  // Bytes in front of the archive, as a self-running jar has; offsets do not count them.
  ZipBuilder& prefix(std::string bytes) {
    prefix_ = std::move(bytes);
    return *this;
  }
  ZipBuilder& comment(std::string text) {
    comment_ = std::move(text);
    return *this;
  }

  std::string build() const {
    std::string archive;
    std::string directory;
    for (const Entry& entry : entries_) {
      const std::string data =
          entry.method == Method::kStored ? entry.content : deflated(entry.content);
      const std::size_t offset = archive.size();
      const std::string common =
          word16(20) + word16(0) + word16(static_cast<unsigned>(entry.method)) + word32(0) +
          word32(static_cast<unsigned>(
              crc32(0, bytes(entry.content), static_cast<uInt>(entry.content.size())))) +
          word32(data.size()) + word32(entry.content.size()) + word16(entry.name.size());
      archive += word32(0x04034b50) + common + word16(0) + entry.name + data;
      directory += word32(0x02014b50) + word16(20) + common + word16(0) + word16(0) + word16(0) +
                   word16(0) + word32(0) + word32(offset) + entry.name;
    }
    const std::size_t directory_offset = archive.size();
    archive += directory;
    archive += word32(0x06054b50) + word16(0) + word16(0) + word16(entries_.size()) +
               word16(entries_.size()) + word32(directory.size()) + word32(directory_offset) +
               word16(comment_.size()) + comment_;
    return prefix_ + archive;
  }

 private:
  struct Entry {
    std::string name;
    std::string content;
    Method method;
  };

  static const Bytef* bytes(const std::string& text) {
    return reinterpret_cast<const Bytef*>(text.data());
  }
  static std::string word16(std::size_t value) {
    return {static_cast<char>(value), static_cast<char>(value >> 8)};
  }
  static std::string word32(std::size_t value) {
    return word16(value & 0xffff) + word16(value >> 16);
  }

  static std::string deflated(const std::string& content) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, content.size()), '\0');
    stream.next_in = const_cast<Bytef*>(bytes(content));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  }

  std::vector<Entry> entries_;
  std::string prefix_;
  std::string comment_;
};

// The first bytes of a class file of this major version.
inline std::string class_file(unsigned major) {
  return std::string("\xca\xfe\xba\xbe\0\0", 6) + static_cast<char>(major >> 8) +
         static_cast<char>(major) + "rest";
}

}  // namespace moka::test
