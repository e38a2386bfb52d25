// SPDX-License-Identifier: Apache-2.0
#include "io/anonymous.h"

#include <atomic>

namespace mokapot {
namespace {
// The first is the inode of the anonymous files themselves.
constexpr std::uint64_t kAnonymousInode = 1024;
constinit std::atomic<std::uint64_t> next_inode{kAnonymousInode + 1};
}  // namespace

std::uint64_t next_anonymous_inode() { return next_inode.fetch_add(1, std::memory_order_relaxed); }

FileStatus anonymous_status() {
  FileStatus status;
  status.device = kAnonymousDevice;
  status.inode = kAnonymousInode;
  status.mode = 0600;
  return status;
}

}  // namespace mokapot
