// SPDX-License-Identifier: Apache-2.0
//
// The messages of 9P2000.L (the 9P manual's section 5, and Linux's Documentation/filesystems/9p and QEMU's
// server for the .L part): writing requests and reading answers. Pure functions over bytes; nothing that a
// server says is trusted.
//
// A message: size (4 bytes, itself included), type (1), tag (2), body. Numbers are little-endian, a string is
// its size (2) and its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"
#include "io/file.h"

namespace mokapot::ninep {

inline constexpr std::size_t kHeaderSize = 7;
inline constexpr std::uint16_t kNoTag = 0xffff;  // of version messages
inline constexpr std::uint32_t kNoFid = 0xffff'ffff;

// Requests; the answer's type is one more, or kError.
enum class Type : std::uint8_t {
  kError = 7,
  kStatfs = 8,
  kOpen = 12,
  kCreate = 14,
  kSymlink = 16,
  kMknod = 18,
  kReadLink = 22,
  kGetAttributes = 24,
  kSetAttributes = 26,
  kXattrWalk = 30,
  kXattrCreate = 32,
  kReadDirectory = 40,
  kSync = 50,
  kLink = 70,
  kMkdir = 72,
  kRename = 74,
  kUnlink = 76,
  kVersion = 100,
  kAttach = 104,
  kWalk = 110,
  kRead = 116,
  kWrite = 118,
  kClunk = 120,
};

// What a server knows a file by.
struct Qid {
  std::uint8_t type = 0;
  std::uint32_t version = 0;
  std::uint64_t path = 0;
  bool is_directory() const { return (type & 0x80) != 0; }
  bool is_link() const { return (type & 0x02) != 0; }
};

class MessageWriter {
 public:
  MessageWriter(std::span<std::byte> room, Type type, std::uint16_t tag);
  void put8(std::uint8_t value) { put(&value, sizeof value); }
  void put16(std::uint16_t value) { put(&value, sizeof value); }
  void put32(std::uint32_t value) { put(&value, sizeof value); }
  void put64(std::uint64_t value) { put(&value, sizeof value); }
  void put_string(std::string_view text);
  // Room for up to size bytes that the caller fills in; what was not needed is given back by shrink.
  std::span<std::byte> reserve(std::size_t size);
  void shrink(std::size_t by) { size_ -= by; }
  // Sets the size in the header. kENAMETOOLONG: it did not fit.
  Result<std::size_t> finish();

 private:
  void put(const void* from, std::size_t size);
  const std::span<std::byte> room_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

// Past the end, or after anything else that was wrong, everything reads as zero and ok() is false.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint8_t get8() { return get<std::uint8_t>(); }
  std::uint16_t get16() { return get<std::uint16_t>(); }
  std::uint32_t get32() { return get<std::uint32_t>(); }
  std::uint64_t get64() { return get<std::uint64_t>(); }
  std::string_view get_string();
  std::span<const std::byte> get_bytes(std::size_t size);
  Qid get_qid();
  std::size_t left() const { return bytes_.size(); }
  bool ok() const { return ok_; }

 private:
  template <typename T>
  T get() {
    T value{};
    const std::span<const std::byte> piece = get_bytes(sizeof value);
    if (piece.size() == sizeof value) std::memcpy(&value, piece.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

// The body of an answer. The server's own error, or kEPROTO if this is no answer to that request.
Result<MessageReader> open_answer(std::span<const std::byte> bytes, Type request, std::uint16_t tag);

// The bodies that are more than a number or two. kEPROTO.
Result<FileStatus> read_attributes(MessageReader& body);
struct Entry {
  Qid qid;
  std::uint64_t next_offset;
  std::uint8_t type;  // DT_
  std::string_view name;
};
Result<Entry> read_entry(MessageReader& entries);

}  // namespace mokapot::ninep
