// SPDX-License-Identifier: Apache-2.0
//
// An open file of a shared folder: a fid of its own, opened as the application opened the file, so that the host's
// answers (access, appending, a file whose name is gone) are the application's.
//
// Lock: lock_ (Mutex, rank kInode) guards the fid, which changes when O_APPEND is set or taken away; nothing is asked
// of the server with it.
#pragma once

#include "fs/ninep_node.h"
#include "fs/vnode_file.h"

namespace mokapot {

class NinepFile final : public VnodeFile {
 public:
  // node is dentry's.
  NinepFile(RefPtr<Dentry> dentry, std::uint32_t flags, NinepNode& node, NinepNode::OpenFid open)
      : VnodeFile(std::move(dentry), flags), node_(node), open_(std::move(open)), opened_to_append_(appending()) {}

  Result<std::size_t> write(IoBuffer& from) override;
  Result<std::size_t> read_at(IoBuffer& into, std::uint64_t offset) override;
  Result<std::size_t> write_at(IoBuffer& from, std::uint64_t offset) override;
  Result<void> synchronise(bool data_only) override;

 private:
  bool appending() const { return writable() && (flags() & kOpenAppend) != 0; }
  Result<NinepNode::OpenFid> open_fid();
  // At the end if appending; offset becomes where it wrote.
  Result<std::size_t> write_from(IoBuffer& from, std::uint64_t& offset);
  void data_changed(const Result<std::size_t>& moved);
  Result<std::size_t> write_pieces(const NinepFid& fid, IoBuffer& from, std::uint64_t offset);

  NinepNode& node_;  // kept by the dentry
  Mutex lock_{LockRank::kInode};
  NinepNode::OpenFid open_ GUARDED_BY(lock_);
  bool opened_to_append_ GUARDED_BY(lock_);
};

}  // namespace mokapot
