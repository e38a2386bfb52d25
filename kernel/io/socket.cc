// SPDX-License-Identifier: Apache-2.0
#include "io/socket.h"

#include "base/format.h"
#include "io/anonymous.h"

namespace mokapot {

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
