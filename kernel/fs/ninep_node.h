// SPDX-License-Identifier: Apache-2.0
//
// Files of a folder that the host shares. The host may change them at any time, so nothing about names,
// attributes and data is kept: each operation asks the server. What a mapping shows is the exception: its pages stay as
// they were read until the file is written to from here, or mapped anew after a change. Mappings that are shared and
// writable are refused (PageSource::writable), as Linux's 9p refuses them without a cache.
//
// A volume keeps a table of the nodes in use, so that one file is one node however it was come by.
//
// Locks: the table's spinlock (kDentries). NinepNode::lock_ (Mutex, rank kInode) guards a node's fids and what was last
// seen of it. Page faults take neither.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "fs/ninep_client.h"
#include "fs/page_cache.h"
#include "fs/vnode.h"
#include "sched/mutex.h"
#include "sync/spinlock.h"

namespace mokapot {

class NinepNode;

// Lives as long as its mount, which is for good.
class NinepVolume {
 public:
  enum class Access : std::uint8_t { kReadOnly, kReadWrite };
  NinepVolume(MessageChannel& channel, std::uint64_t device, Access access)
      : client_(channel), device_(device), access_(access) {}
  // The root, once the server was spoken to.
  Result<RefPtr<NinepNode>> start();

  NinepClient& client() { return client_; }
  std::uint64_t device() const { return device_; }
  Access access() const { return access_; }
  Result<FileSystemStatistics> statistics() { return client_.statistics(*root_); }
  // The node of a file that was just looked up: the one in use, which goes on with that fid, or a new one. type: if it
  // is known, else 0.
  Result<RefPtr<NinepNode>> node(const ninep::Qid& qid, RefPtr<NinepFid> fid, std::uint32_t type);

 private:
  friend class NinepNode;
  RefPtr<NinepNode> find_locked(const ninep::Qid& qid) REQUIRES(table_lock_);
  RefPtr<NinepNode> find(const ninep::Qid& qid);
  void forget(NinepNode& node);

  static constexpr std::size_t kBuckets = 256;
  NinepClient client_;
  const std::uint64_t device_;
  const Access access_;
  RefPtr<NinepFid> root_;  // constant after start()
  SpinLock table_lock_{LockRank::kDentries};
  // Not owned: a node takes itself out when it dies.
  NinepNode* buckets_[kBuckets] GUARDED_BY(table_lock_) = {};
};

class NinepNode final : public Vnode {
 public:
  NinepNode(NinepVolume& volume, const ninep::Qid& qid, std::uint32_t type, RefPtr<NinepFid> fid)
      : volume_(volume), qid_(qid), type_(type), fid_(std::move(fid)) {}
  ~NinepNode() override { volume_.forget(*this); }

  std::uint32_t type() const override { return type_; }
  bool dynamic() const override { return true; }
  Result<FileStatus> status() override;
  Result<void> change_attributes(const AttributeChange& change) override;
  Result<void> truncate(std::uint64_t size) override;

  Result<RefPtr<Vnode>> lookup(std::string_view name) override;
  Result<RefPtr<Vnode>> create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device) override;
  Result<RefPtr<Vnode>> create_link(std::string_view name, std::string_view target) override;
  Result<void> link(std::string_view name, Vnode& existing) override;
  Result<void> remove(std::string_view name, Vnode& child) override;
  Result<void> rename(std::string_view name, Vnode& child, Vnode& new_parent, std::string_view new_name,
                      Vnode* replaced, bool exchange) override;
  Result<void> read_directory(std::uint64_t offset, EntryVisitor visit, void* context) override;
  Result<std::size_t> read_link(char* buffer, std::size_t size) override;

  // An attribute without a value cannot be set: kEOPNOTSUPP.
  Result<std::size_t> get_xattr(std::string_view name, void* value, std::size_t size) override;
  Result<void> set_xattr(std::string_view name, const void* value, std::size_t size, std::uint32_t flags) override;
  Result<std::size_t> list_xattrs(char* names, std::size_t size) override;
  Result<void> remove_xattr(std::string_view name) override;

  // A NinepFile for what has data of its own here.
  Result<RefPtr<File>> open(Dentry& dentry, std::uint32_t flags) override;
  Result<void> prepare_to_write() override;
  Result<RefPtr<FileCache>> cache() override;

  // --- For NinepFile -----------------------------------------------------------------------------------
  NinepClient& client() { return volume_.client(); }
  struct OpenFid {
    RefPtr<NinepFid> fid;
    bool appends = false;  // wherever it is told to write
  };
  // flags: access mode and O_APPEND count.
  Result<OpenFid> open_fid(std::uint32_t flags);
  // Held while bytes are put at an end that somebody had to look for.
  Mutex& lock() RETURN_CAPABILITY(lock_) { return lock_; }
  Result<std::uint64_t> end_locked() REQUIRES(lock_);
  // The data was changed from here: mappings are to show it.
  void data_changed();

 private:
  friend class NinepVolume;
  Result<RefPtr<NinepNode>> find_child(std::string_view name, std::uint32_t type);
  RefPtr<NinepFid> fid();
  void use_fid(RefPtr<NinepFid> fid);
  void note_removal();
  Result<RefPtr<NinepFid>> directory_fid();
  Result<std::size_t> read_entries(const NinepFid& directory, std::uint64_t offset, std::span<std::byte> into);

  NinepVolume& volume_;
  const ninep::Qid qid_;
  const std::uint32_t type_;
  NinepNode* next_in_bucket_ = nullptr;  // NinepVolume::buckets_, under its lock
  // Its last name, by us: the server may use the number for another file, and may not know this one's attributes.
  std::atomic<bool> removed_{false};

  Mutex lock_{LockRank::kInode};
  RefPtr<NinepFid> fid_ GUARDED_BY(lock_);        // stands for the name, and is never opened
  // We took away a name of it, perhaps the one that fid_ goes by.
  bool name_is_gone_ GUARDED_BY(lock_) = false;
  RefPtr<NinepFid> directory_ GUARDED_BY(lock_);  // open for reading the directory; null: not yet
  // Open since it was made here, for the open that this was part of: its mode may forbid another one.
  RefPtr<NinepFid> created_ GUARDED_BY(lock_);
  FileStatus last_seen_ GUARDED_BY(lock_);
  RefPtr<FileCache> cache_ GUARDED_BY(lock_);
  FileStatus::Time cache_modified_ GUARDED_BY(lock_);
};

}  // namespace mokapot
