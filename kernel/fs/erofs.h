// SPDX-License-Identifier: Apache-2.0
//
// EROFS, the read-only file system of the root's layers: files (plain, tail-packed, in chunks, or compressed:
// erofs_clusters.h), directories, links, device nodes and extended attributes. Nothing on the disk is trusted:
// every offset and count is checked against the volume before use, and a damaged image gives kEUCLEAN (kEIO where
// compressed data does not decompress) with one line in the log, never a crash or a loop.
//
// All reading goes through the page cache: metadata through a FileCache over the volume, data through one per
// inode. The volume keeps a table of inodes in use, so that names of one file share its pages.
//
// Locks: the table's spinlock (kDentries); everything else is const after an inode was read. Thread
// context; may block on the disk.
#pragma once

#include "base/global.h"
#include "fs/erofs_format.h"
#include "fs/lower_node.h"
#include "fs/page_cache.h"
#include "sync/spinlock.h"

namespace mokapot {

class BlockDevice;
class ErofsInode;

class ErofsVolume : public RefCounted<ErofsVolume> {
 public:
  // Reads and checks the superblock. kEIO, kEUCLEAN, kEOPNOTSUPP. number tells this layer's inodes apart from
  // those of the others under one root (< kMostLayers).
  static constexpr unsigned kMostLayers = 16;
  // shown_device is the st_dev of the mount that shows its files, for /proc/self/maps.
  static Result<RefPtr<ErofsVolume>> open(BlockDevice& device, unsigned number, std::uint64_t shown_device);
  virtual ~ErofsVolume();

  Result<RefPtr<ErofsInode>> root();
  Result<RefPtr<ErofsInode>> inode(std::uint64_t nid);
  std::uint64_t blocks() const { return super_.blocks; }

  // --- For inodes -------------------------------------------------------------------------------------
  // kEUCLEAN if any of it is outside the volume.
  Result<void> read_metadata(std::uint64_t offset, void* to, std::uint64_t size);
  const erofs::SuperBlock& super() const { return super_; }
  BlockDevice& device() { return device_; }
  std::uint64_t size() const { return size_; }  // bytes, whole blocks
  unsigned number() const { return number_; }
  std::uint64_t shown_device() const { return shown_device_; }
  // Says once per volume and inode what is wrong, and is the error.
  Errno damaged(std::uint64_t nid, const char* what);

 private:
  friend class ErofsInode;
  template <typename T, typename... Args>
  friend Result<RefPtr<T>> make_ref(Args&&... args);
  ErofsVolume(BlockDevice& device, unsigned number, std::uint64_t shown_device);
  Result<void> read_super();
  void forget(ErofsInode& inode);

  BlockDevice& device_;
  const unsigned number_;
  const std::uint64_t shown_device_;
  erofs::SuperBlock super_{};       // const after open
  std::uint64_t size_ = 0;
  RefPtr<FileCache> metadata_;
  std::atomic<std::uint64_t> last_reported_{~std::uint64_t{0}};

  static constexpr std::size_t kBuckets = 256;
  SpinLock table_lock_{LockRank::kDentries};
  // Inodes in use, not owned: an inode takes itself out when it dies.
  ErofsInode* buckets_[kBuckets] GUARDED_BY(table_lock_) = {};
};

// Where a file's data is; shared by the inode and its page cache.
class ErofsData final : public PageBacking {
 public:
  ErofsData(RefPtr<ErofsVolume> volume, std::uint64_t nid) : volume_(std::move(volume)), nid_(nid) {}
  Result<Extent> locate(std::uint64_t index, std::uint64_t count) override;
  Result<void> fill_page(std::uint64_t index, void* page) override;
  BlockDevice& device() override { return volume_->device(); }
  PhysAddr device_memory() override;
  bool may_change() const override { return false; }

 private:
  friend class ErofsInode;
  Result<Extent> locate_chunk(std::uint64_t index, std::uint64_t count);

  const RefPtr<ErofsVolume> volume_;
  const std::uint64_t nid_;
  // const after ErofsInode::read:
  std::uint64_t size_ = 0;
  std::uint64_t first_block_ = 0;     // kPlain, kInline
  std::uint64_t whole_pages_ = 0;     // before the inline tail
  std::uint64_t tail_offset_ = 0;     // of the inline tail in the volume; 0: none
  std::uint64_t chunk_table_ = 0;     // kChunks: offset of the table; 0: not chunked
  unsigned chunk_page_bits_ = 0;
  bool chunk_indexes_ = false;
};

class ErofsInode final : public LowerNode {
 public:
  ~ErofsInode() override;
  const FileStatus& attributes() const override { return attributes_; }
  Result<RefPtr<LowerNode>> lookup(std::string_view name) override;
  Result<void> read_directory(bool (*visit)(const Entry& entry, void* context), void* context) override;
  Result<std::size_t> read_link(char* buffer, std::size_t size) override;
  Result<RefPtr<FileCache>> cache() override;
  Result<std::size_t> get_xattr(std::string_view name, void* value, std::size_t size) override;
  Result<std::size_t> list_xattrs(char* names, std::size_t size) override;

 private:
  friend class ErofsVolume;
  template <typename T, typename... Args>
  friend Result<RefPtr<T>> make_ref(Args&&... args);
  ErofsInode(RefPtr<ErofsVolume> volume, std::uint64_t nid) : volume_(std::move(volume)), nid_(nid) {}
  Result<void> read();
  Result<void> read_layout(unsigned layout, std::uint32_t data, std::uint64_t after_header);

  // One block of a directory, held in the page cache and checked.
  struct DirectoryBlock;
  Result<DirectoryBlock> directory_block(std::uint64_t index);
  Result<std::string_view> entry_name(const DirectoryBlock& block, std::uint32_t entry);

  struct Xattr {
    std::uint64_t value_offset;
    std::uint32_t value_size;
    std::uint32_t entry_size;  // with name and value, rounded up
    char name[256 + 32];       // with its prefix
  };
  // Calls visit for each until it returns true.
  Result<bool> for_each_xattr(bool (*visit)(const Xattr& attribute, void* context), void* context);
  Result<void> read_xattr(std::uint64_t offset, std::uint64_t limit, Xattr& attribute);

  const RefPtr<ErofsVolume> volume_;
  const std::uint64_t nid_;
  // const after read():
  FileStatus attributes_;
  RefPtr<FileCache> cache_;
  std::uint64_t xattr_offset_ = 0;
  std::uint64_t xattr_size_ = 0;
  ErofsInode* next_in_bucket_ = nullptr;  // ErofsVolume::buckets_, under its lock
};

}  // namespace mokapot
