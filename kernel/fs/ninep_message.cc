// SPDX-License-Identifier: Apache-2.0

#include "fs/ninep_message.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace mokapot::ninep {

MessageWriter::MessageWriter(std::span<std::byte> room, Type type, std::uint16_t tag) : room_(room) {
  put32(0);  // the size, once it is known
  put8(static_cast<std::uint8_t>(type));
  put16(tag);
}

void MessageWriter::put(const void* from, std::size_t size) {
  const std::span<std::byte> to = reserve(size);
  if (to.size() == size) std::memcpy(to.data(), from, size);
}

void MessageWriter::put_string(std::string_view text) {
  if (text.size() > std::numeric_limits<std::uint16_t>::max()) {
    fits_ = false;
    return;
  }
  put16(static_cast<std::uint16_t>(text.size()));
  put(text.data(), text.size());
}

std::span<std::byte> MessageWriter::reserve(std::size_t size) {
  if (!fits_ || size > room_.size() - size_) {
    fits_ = false;
    return {};
  }
  const std::span<std::byte> piece = room_.subspan(size_, size);
  size_ += size;
  return piece;
}

Result<std::size_t> MessageWriter::finish() {
  if (!fits_) return Errno::kENAMETOOLONG;
  const auto size = static_cast<std::uint32_t>(size_);
  std::memcpy(room_.data(), &size, sizeof size);
  return size_;
}

std::span<const std::byte> MessageReader::get_bytes(std::size_t size) {
  if (size > bytes_.size()) {
    ok_ = false;
    bytes_ = {};
    return {};
  }
  const std::span<const std::byte> piece = bytes_.first(size);
  bytes_ = bytes_.subspan(size);
  return piece;
}

std::string_view MessageReader::get_string() {
  const std::uint16_t size = get16();
  const std::span<const std::byte> piece = get_bytes(size);
  // SAFETY: bytes looked at as characters.
  return {reinterpret_cast<const char*>(piece.data()), piece.size()};
}

Qid MessageReader::get_qid() {
  Qid qid;
  qid.type = get8();
  qid.version = get32();
  qid.path = get64();
  return qid;
}

Result<MessageReader> open_answer(std::span<const std::byte> bytes, Type request, std::uint16_t tag) {
  constexpr std::uint32_t kMostErrno = 133;  // EHWPOISON, the last one of Linux's
  MessageReader header(bytes);
  const std::uint32_t size = header.get32();
  const std::uint8_t type = header.get8();
  const std::uint16_t answered = header.get16();
  if (!header.ok() || size < kHeaderSize || size > bytes.size() || answered != tag) return Errno::kEPROTO;
  MessageReader body(bytes.subspan(kHeaderSize, size - kHeaderSize));
  if (type == static_cast<std::uint8_t>(request) + 1) return body;
  if (type != static_cast<std::uint8_t>(Type::kError)) return Errno::kEPROTO;
  const std::uint32_t error = body.get32();
  if (!body.ok() || error == 0) return Errno::kEPROTO;
  return error <= kMostErrno ? static_cast<Errno>(error) : Errno::kEIO;
}

namespace {

FileStatus::Time read_time(MessageReader& body) {
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  FileStatus::Time time;
  time.seconds = static_cast<std::int64_t>(body.get64());
  const std::uint64_t nanoseconds = body.get64();
  if (nanoseconds < kNanosecondsPerSecond) time.nanoseconds = static_cast<std::uint32_t>(nanoseconds);
  return time;
}

}  // namespace

Result<FileStatus> read_attributes(MessageReader& body) {
  FileStatus status;
  (void)body.get64();  // which fields are valid; the basic ones always are
  status.inode = body.get_qid().path;
  status.mode = body.get32();
  status.user = body.get32();
  status.group = body.get32();
  const std::uint64_t links = body.get64();
  status.links = static_cast<std::uint32_t>(std::min<std::uint64_t>(links, std::numeric_limits<std::uint32_t>::max()));
  status.special_device = body.get64();
  status.size = body.get64();
  const std::uint64_t block_size = body.get64();
  status.blocks = body.get64();
  status.accessed = read_time(body);
  status.modified = read_time(body);
  status.changed = read_time(body);
  status.born = read_time(body);
  if (!body.ok() || status.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Errno::kEPROTO;
  }
  // What fits one message, to some servers; programs expect a power of two.
  constexpr std::uint64_t kLargestBlock = 1 << 20;
  if (block_size != 0)
    status.block_size = static_cast<std::uint32_t>(std::bit_floor(std::min(block_size, kLargestBlock)));
  return status;
}

Result<Entry> read_entry(MessageReader& entries) {
  constexpr std::size_t kLongestName = 255;
  Entry entry;
  entry.qid = entries.get_qid();
  entry.next_offset = entries.get64();
  entry.type = entries.get8();
  entry.name = entries.get_string();
  const bool name_can_be = !entry.name.empty() && entry.name.size() <= kLongestName &&
                           entry.name.find('/') == std::string_view::npos &&
                           entry.name.find('\0') == std::string_view::npos;
  if (!entries.ok() || !name_can_be) return Errno::kEPROTO;
  return entry;
}

}  // namespace mokapot::ninep
