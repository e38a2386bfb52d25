// SPDX-License-Identifier: Apache-2.0
//
// Files in memory: tmpfs, and the writable upper layer of the root. One kind of node serves both: a
// node may have lower nodes, files of read-only layers whose contents it shows until they are changed. A
// directory with several lowers merges them, topmost first; a lower file in a higher layer hides those
// below; a character device 0:0 (whiteout) or an opaque attribute ends the search, as overlayfs has it.
//
// Changing attributes or names never copies anything: a node has its attributes in memory from
// the start. Data is copied page by page (FileCache's lower). A renamed directory takes its lowers along.
// Once a lower name was looked up, its node stays in its parent's table; so a node's identity and
// changes need no other bookkeeping.
//
// Locks: a directory's table of entries changes under the namespace lock held exclusively, or shared with lock_
// (a look-up that brings in a lower node). lock_ (Mutex, rank kInode) guards attributes, data and extended
// attributes. Two inodes' locks are never held at once.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "base/intrusive.h"
#include "base/vector.h"
#include "fs/lower_node.h"
#include "fs/page_cache.h"
#include "fs/vnode.h"
#include "sched/mutex.h"

namespace mokapot {

// One mounted tree, or the nameless one of memfd.
class MemoryFileSystem {
 public:
  MemoryFileSystem(std::uint64_t device, std::uint64_t page_limit) : device_(device) { quota_.limit = page_limit; }
  std::uint64_t device() const { return device_; }
  PageQuota* quota() { return &quota_; }
  std::uint64_t new_inode() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t nodes() const { return nodes_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryNode;
  const std::uint64_t device_;
  PageQuota quota_;
  // Far above the numbers that lower layers have.
  std::atomic<std::uint64_t> next_inode_{std::uint64_t{1} << 40};
  std::atomic<std::uint64_t> nodes_{0};
};

struct ExtendedAttribute {
  std::unique_ptr<char[]> name;   // NUL terminated
  std::unique_ptr<std::byte[]> value;
  std::size_t size;
};

class MemoryNode final : public Vnode {
 public:
  struct DirectoryItem;  // memory_directory.h
  class Items;

  // A new node of the file system, without lowers.
  static Result<RefPtr<MemoryNode>> create_new(MemoryFileSystem& fs, std::uint32_t type_and_mode,
                                               std::uint64_t device);
  // A node that shows lowers (topmost first; more than one only for directories).
  static Result<RefPtr<MemoryNode>> create_over(MemoryFileSystem& fs, Vector<RefPtr<LowerNode>> lowers);
  ~MemoryNode() override;

  std::uint32_t type() const override { return type_; }
  Result<FileStatus> status() override;

  Result<RefPtr<Vnode>> lookup(std::string_view name) override;
  Result<RefPtr<Vnode>> create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device) override;
  Result<RefPtr<Vnode>> create_link(std::string_view name, std::string_view target) override;
  Result<RefPtr<Vnode>> create_unnamed(std::uint32_t mode) override;
  Result<void> link(std::string_view name, Vnode& existing) override;
  Result<void> remove(std::string_view name, Vnode& child) override;
  Result<void> rename(std::string_view name, Vnode& child, Vnode& new_parent, std::string_view new_name,
                      Vnode* replaced, bool exchange) override;
  Result<void> read_directory(std::uint64_t offset, EntryVisitor visit, void* context) override;

  Result<std::size_t> read_link(char* buffer, std::size_t size) override;
  Result<void> prepare_to_write() override;
  Result<RefPtr<FileCache>> cache() override;
  Result<std::size_t> read(IoBuffer& into, std::uint64_t offset, ReadAhead& ahead) override;
  Result<std::size_t> write(IoBuffer& from, std::uint64_t& offset, bool append) override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> allocate(std::uint32_t mode, std::uint64_t offset, std::uint64_t length) override;
  Result<void> change_attributes(const AttributeChange& change) override;
  Result<std::uint32_t> seals() override;
  Result<void> add_seals(std::uint32_t seals) override;

  Result<std::size_t> get_xattr(std::string_view name, void* value, std::size_t size) override;
  Result<void> set_xattr(std::string_view name, const void* value, std::size_t size, std::uint32_t flags) override;
  Result<std::size_t> list_xattrs(char* names, std::size_t size) override;
  Result<void> remove_xattr(std::string_view name) override;

 private:
  friend Result<RefPtr<Vnode>> create_shared_memory_node(std::uint32_t flags);
  template <typename T, typename... Args>
  friend Result<RefPtr<T>> make_ref(Args&&... args);
  MemoryNode(MemoryFileSystem& fs, std::uint32_t type);

  Result<RefPtr<FileCache>> cache_locked() REQUIRES(lock_);
  Result<RefPtr<FileCache>> memory_cache_locked() REQUIRES(lock_);  // whose data may change from now on
  void changed_locked(bool data) REQUIRES(lock_);
  void adjust_links(std::int32_t by);
  Result<void> check_xattr_change(std::string_view name);
  Result<void> load_xattrs_locked() REQUIRES(lock_);
  ExtendedAttribute* find_xattr_locked(std::string_view name) REQUIRES(lock_);
  void touch_accessed_locked() REQUIRES(lock_);

  // memory_directory.cc
  Result<DirectoryItem*> find_item(std::string_view name);       // brings lower names in; null: none
  Result<RefPtr<MemoryNode>> find_lower(std::string_view name);  // kENOENT
  Result<void> complete_items();                                 // all lower names are in the table
  Result<void> add_item(std::string_view name, RefPtr<MemoryNode> node);
  void take_item(DirectoryItem& item);
  Result<bool> is_empty_directory();
  void directory_changed(std::int32_t links);

  MemoryFileSystem& fs_;
  const std::uint32_t type_;
  Mutex lock_{LockRank::kInode};
  FileStatus attributes_ GUARDED_BY(lock_);
  RefPtr<FileCache> cache_ GUARDED_BY(lock_);       // regular files, once asked for
  bool own_data_ GUARDED_BY(lock_) = false;         // cache_ may differ from what the lower node has
  std::uint32_t seals_ GUARDED_BY(lock_) = 0;
  std::unique_ptr<char[]> link_target_;             // const after creation
  bool own_xattrs_ GUARDED_BY(lock_) = false;
  Vector<ExtendedAttribute> xattrs_ GUARDED_BY(lock_);
  Vector<RefPtr<LowerNode>> lowers_;                // const after creation
  std::unique_ptr<Items> items_;                    // directories; see the file's comment for its locks
};

// A file without a name, outside every mount; flags are memfd_create's.
Result<RefPtr<Vnode>> create_shared_memory_node(std::uint32_t flags);
void initialise_memory_files();  // boot

}  // namespace mokapot
