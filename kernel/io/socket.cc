// SPDX-License-Identifier: Apache-2.0
#include "io/socket.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "io/anonymous.h"
#include "io/passed_files.h"

namespace mokapot {
namespace {

struct ControlHeader {
  std::uint64_t size;
  std::int32_t level, type;
};
static_assert(sizeof(ControlHeader) == 16);

constexpr std::size_t aligned(std::size_t size) { return align_up(size, sizeof(std::uint64_t)); }

}  // namespace

IncomingMessage::IncomingMessage() = default;
IncomingMessage::~IncomingMessage() = default;

void IncomingMessage::add_control(int level, int type, const void* data, std::size_t size) {
  const std::size_t at = control_size;  // aligned
  if (at + sizeof(ControlHeader) > control.size()) {
    result_flags |= kMessageControlTruncated;
    return;
  }
  const std::size_t room = control.size() - at - sizeof(ControlHeader);
  if (size > room) result_flags |= kMessageControlTruncated;
  size = std::min(size, room);
  const ControlHeader header{sizeof(ControlHeader) + size, level, type};
  std::memcpy(control.data() + at, &header, sizeof(header));
  std::memcpy(control.data() + at + sizeof(header), data, size);
  const std::size_t end = std::min(aligned(at + sizeof(header) + size), control.size());
  std::memset(control.data() + at + sizeof(header) + size, 0, end - at - sizeof(header) - size);
  control_size = end;
}

Result<void> for_each_control_message(std::span<const std::uint8_t> control,
                                      Result<void> (*visit)(const ControlMessage& message, void* context), void* context) {
  std::size_t at = 0;
  while (at + sizeof(ControlHeader) <= control.size()) {
    ControlHeader header;
    std::memcpy(&header, control.data() + at, sizeof(header));
    if (header.size < sizeof(header) || header.size > control.size() - at) return Errno::kEINVAL;
    TRY(visit({header.level, header.type, control.subspan(at + sizeof(header), header.size - sizeof(header))}, context));
    at += aligned(header.size);
  }
  return {};
}

// Nothing is asked for and nothing waited for; recv with no room does wait.
Result<std::size_t> SocketFile::read(IoBuffer& into) {
  if (into.remaining() == 0) return std::size_t{0};
  IncomingMessage message;
  return receive(into, message);
}

Result<std::size_t> SocketFile::write(IoBuffer& from) { return send(from, OutgoingMessage()); }

Result<FileStatus> SocketFile::status() {
  std::uint64_t inode = inode_.load(std::memory_order_relaxed);
  if (inode == 0) {
    const std::uint64_t fresh = next_anonymous_inode();
    if (inode_.compare_exchange_strong(inode, fresh, std::memory_order_relaxed)) inode = fresh;
  }
  FileStatus status;
  status.device = kSocketDevice;
  status.inode = inode;
  status.mode = kSocketMode | 0777;
  return status;
}

std::size_t SocketFile::describe(char* buffer, std::size_t size) {
  const Result<FileStatus> known = status();
  return format_to(buffer, size, "socket:[%llu]", static_cast<unsigned long long>(known.value().inode));
}

}  // namespace mokapot
