// SPDX-License-Identifier: Apache-2.0

#include "fs/ninep_file.h"

#include <limits>

#include "fs/inotify.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kLargestOffset = std::numeric_limits<std::int64_t>::max();

}  // namespace

Result<NinepNode::OpenFid> NinepFile::open_fid() {
  const bool append = appending();
  {
    MutexGuard guard(lock_);
    if (append == opened_to_append_) return NinepNode::OpenFid(open_);
  }
  NinepNode::OpenFid fresh = TRY(node_.open_fid(flags()));
  NinepNode::OpenFid dropped;
  MutexGuard guard(lock_);
  dropped = std::exchange(open_, fresh);
  opened_to_append_ = append;
  return fresh;
}

Result<std::size_t> NinepFile::read_at(IoBuffer& into, std::uint64_t offset) {
  if (node_.is_directory()) return Errno::kEISDIR;
  if (offset > kLargestOffset) return Errno::kEINVAL;
  const NinepNode::OpenFid open = TRY(open_fid());
  std::size_t moved = 0;
  while (into.remaining() > 0) {
    auto piece = node_.client().read(*open.fid, offset + moved, into);
    if (!piece.ok()) {
      if (moved > 0) break;
      return piece;
    }
    if (piece.value() == 0) break;
    moved += piece.value();
  }
  if (moved != 0) tell_node(*dentry(), kInAccess);
  return moved;
}

Result<std::size_t> NinepFile::write_pieces(const NinepFid& fid, IoBuffer& from, std::uint64_t offset) {
  std::size_t moved = 0;
  while (from.remaining() > 0) {
    const std::size_t before = from.remaining();
    auto piece = node_.client().write(fid, offset + moved, from);
    if (!piece.ok()) {
      if (moved > 0) break;
      return piece;
    }
    moved += piece.value();
    // The host's disk is full, or the application's memory ended.
    if (piece.value() == 0 || piece.value() < before - from.remaining()) break;
  }
  return moved;
}

Result<std::size_t> NinepFile::write_from(IoBuffer& from, std::uint64_t& offset) {
  if (!node_.is_regular()) return Errno::kEINVAL;
  if (offset > kLargestOffset) return Errno::kEINVAL;
  const NinepNode::OpenFid open = TRY(open_fid());
  if (!appending()) return write_pieces(*open.fid, from, offset);
  // Our threads one after the other; the host's programs have their say only where the fid appends by itself.
  MutexGuard guard(node_.lock());
  auto end = node_.end_locked();
  if (end.ok()) offset = end.value();
  // The server does not tell the end of a file without a name.
  else if (!open.appends) return end.error();
  return write_pieces(*open.fid, from, offset);
}

void NinepFile::data_changed(const Result<std::size_t>& moved) {
  node_.data_changed();
  if (moved.ok() && moved.value() != 0) tell_node(*dentry(), kInModify);
}

Result<std::size_t> NinepFile::write_at(IoBuffer& from, std::uint64_t offset) {
  auto moved = write_from(from, offset);
  data_changed(moved);
  return moved;
}

Result<std::size_t> NinepFile::write(IoBuffer& from) {
  MutexGuard guard(position_lock_);
  std::uint64_t offset = position_;
  auto moved = write_from(from, offset);
  data_changed(moved);
  if (moved.ok()) position_ = offset + moved.value();
  return moved;
}

Result<void> NinepFile::synchronise(bool data_only) {
  const NinepNode::OpenFid open = TRY(open_fid());
  return node_.client().synchronise(*open.fid, data_only);
}

}  // namespace mokapot
