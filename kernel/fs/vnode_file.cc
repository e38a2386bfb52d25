// SPDX-License-Identifier: Apache-2.0

#include "fs/vnode_file.h"

#include <limits>

#include "fs/inotify.h"
#include "fs/path_walk.h"
#include "fs/vfs.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kLargestOffset = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kGetBytesAvailable = 0x541b;  // FIONREAD

}  // namespace

Result<std::size_t> VnodeFile::read_at(IoBuffer& into, std::uint64_t offset) {
  Vnode& node = dentry_->vnode();
  if (node.is_directory()) return Errno::kEISDIR;
  if (offset > kLargestOffset) return Errno::kEINVAL;
  const std::size_t moved = TRY(node.read(into, offset, ahead_));
  if (moved != 0) tell_node(*dentry_, kInAccess);
  return moved;
}

Result<std::size_t> VnodeFile::write_at(IoBuffer& from, std::uint64_t offset) {
  if (offset > kLargestOffset) return Errno::kEINVAL;
  // pwrite on an O_APPEND descriptor appends, on Linux.
  const std::size_t moved = TRY(dentry_->vnode().write(from, offset, (flags() & kOpenAppend) != 0));
  if (moved != 0) tell_node(*dentry_, kInModify);
  return moved;
}

Result<std::size_t> VnodeFile::read(IoBuffer& into) {
  MutexGuard guard(position_lock_);
  const std::size_t moved = TRY(read_at(into, position_));
  position_ += moved;
  return moved;
}

Result<std::size_t> VnodeFile::write(IoBuffer& from) {
  MutexGuard guard(position_lock_);
  std::uint64_t offset = position_;
  const std::size_t moved = TRY(dentry_->vnode().write(from, offset, (flags() & kOpenAppend) != 0));
  position_ = offset + moved;
  if (moved != 0) tell_node(*dentry_, kInModify);
  return moved;
}

Result<std::uint64_t> VnodeFile::seek(std::int64_t offset, Whence whence) {
  MutexGuard guard(position_lock_);
  Vnode& node = dentry_->vnode();
  std::int64_t base = 0;
  switch (whence) {
    case Whence::kSet: break;
    case Whence::kCurrent: base = static_cast<std::int64_t>(position_); break;
    case Whence::kEnd: base = static_cast<std::int64_t>(TRY(node.status()).size); break;
    case Whence::kData:
    case Whence::kHole: {
      if (offset < 0) return Errno::kENXIO;
      auto cache = node.cache();
      if (!cache.ok()) return Errno::kEINVAL;
      const auto from = static_cast<std::uint64_t>(offset);
      position_ = TRY(whence == Whence::kData ? cache.value()->seek_data(from) : cache.value()->seek_hole(from));
      return position_;
    }
    default: return Errno::kEINVAL;
  }
  std::int64_t target = 0;
  if (__builtin_add_overflow(base, offset, &target)) return Errno::kEOVERFLOW;
  if (target < 0) return Errno::kEINVAL;
  position_ = static_cast<std::uint64_t>(target);
  return position_;
}

Result<std::int64_t> VnodeFile::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kGetBytesAvailable || !dentry_->vnode().is_regular()) return Errno::kENOTTY;
  const FileStatus now = TRY(status());
  std::uint64_t position = 0;
  {
    MutexGuard guard(position_lock_);
    position = position_;
  }
  const auto left = static_cast<std::int32_t>(now.size > position ? now.size - position : 0);
  TRY(write_application(VirtAddr(argument), left));
  return std::int64_t{0};
}

Result<void> VnodeFile::truncate(std::uint64_t size) {
  if (!dentry_->vnode().is_regular()) return Errno::kEINVAL;
  if (size > kLargestOffset) return Errno::kEINVAL;
  TRY(dentry_->vnode().truncate(size));
  tell_node(*dentry_, kInModify);
  return {};
}

void VnodeFile::on_closed() {
  if ((flags() & kOpenPath) == 0) tell_node(*dentry_, writable() ? kInCloseWrite : kInCloseNoWrite);
}

// What is in memory is as safe as it will ever be, and disks are read-only.
Result<void> VnodeFile::synchronise(bool) { return {}; }

Result<RefPtr<PageSource>> VnodeFile::page_source() {
  auto cache = TRY(dentry_->vnode().cache());
  // The names of mappings are asked for where no file system may be: kept as they are now.
  char path[512];
  if (auto length = path_of(*dentry_, path, sizeof path); length.ok()) {
    cache->set_path({path, length.value()});
  }
  return RefPtr<PageSource>(std::move(cache));
}

Result<void> VnodeFile::read_directory(bool (*visit)(const DirectoryEntry& entry, void* context), void* context) {
  MutexGuard guard(position_lock_);
  Vnode& node = dentry_->vnode();
  if (!node.is_directory()) return Errno::kENOTDIR;
  if (DentryCache::is_deleted(*dentry_)) return Errno::kENOENT;
  if (position_ < Vnode::kFirstEntryOffset) {
    const RefPtr<Dentry> parent = DentryCache::parent_of(*dentry_);
    while (position_ < Vnode::kFirstEntryOffset) {
      const bool self = position_ == 0;
      const std::uint64_t inode = TRY((self ? node : parent->vnode()).status()).inode;
      if (!visit({self ? "." : "..", inode, position_ + 1, kModeDirectory >> 12}, context)) return {};
      ++position_;
    }
  }
  struct Reader {
    bool (*visit)(const DirectoryEntry& entry, void* context);
    void* context;
    std::uint64_t next;
  } reader{visit, context, position_};
  const auto accept = [](const DirectoryEntry& entry, void* data) {
    auto& r = *static_cast<Reader*>(data);
    if (!r.visit(entry, r.context)) return false;
    r.next = entry.next_offset;
    return true;
  };
  Result<void> outcome;
  if (node.dynamic()) {
    outcome = node.read_directory(position_, accept, &reader);
  } else {
    ReadGuard names(namespace_lock());
    outcome = node.read_directory(position_, accept, &reader);
  }
  position_ = reader.next;
  tell_node(*dentry_, kInAccess);
  return outcome;
}

}  // namespace mokapot
