// SPDX-License-Identifier: Apache-2.0
//
// An open regular file or directory, or an O_PATH descriptor of anything. Keeps the dentry, so that the path can be
// told and relative opens can start here.
//
// Locks: position_lock_ (Mutex, rank kFilePosition) guards the offset and is held while data moves, so
// that two threads reading one descriptor get different bytes, as Linux does. Thread context.
#pragma once

#include "base/annotations.h"
#include "fs/dentry.h"
#include "fs/page_cache.h"
#include "fs/vnode.h"
#include "io/file.h"
#include "sched/mutex.h"

namespace mokapot {

class VnodeFile : public File {
 public:
  VnodeFile(RefPtr<Dentry> dentry, std::uint32_t flags) : File(flags), dentry_(std::move(dentry)) {}

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::size_t> write(IoBuffer& from) override;
  Result<std::size_t> read_at(IoBuffer& into, std::uint64_t offset) override;
  Result<std::size_t> write_at(IoBuffer& from, std::uint64_t offset) override;
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence) override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  Result<FileStatus> status() override { return dentry_->vnode().status(); }
  Result<void> truncate(std::uint64_t size) override;
  void on_closed() override;
  Result<void> synchronise(bool data_only) override;
  Result<RefPtr<PageSource>> page_source() override;
  Vnode* vnode() override { return &dentry_->vnode(); }
  Dentry* dentry() override { return dentry_.get(); }

  // Directories: entries from the position on; see vfs_read_directory.
  Result<void> read_directory(bool (*visit)(const DirectoryEntry& entry, void* context), void* context);

 protected:
  const RefPtr<Dentry> dentry_;
  Mutex position_lock_{LockRank::kFilePosition};
  std::uint64_t position_ GUARDED_BY(position_lock_) = 0;
  ReadAhead ahead_;
};

}  // namespace mokapot
