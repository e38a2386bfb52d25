// SPDX-License-Identifier: Apache-2.0
//
// The data of a compressed EROFS file: LZ4, with full and compact indexes, in physical clusters of one block or of
// several, as mkfs.erofs 1.5 writes them with -zlz4 or -zlz4hc and -C. Refused by name: other algorithms, logical
// clusters of several blocks, inline tails, fragments, and what decompresses to more than kMostClusterPages.
//
// A page belongs to the cluster that holds its first byte, so that each cluster is decompressed once for all of its
// pages. The last of them may begin a second cluster, of which just the missing bytes are then decompressed; clusters
// that moka's own images have end with a page. Uncompressed blocks that fill their page are read like plain files'.
//
// Nothing on the disk is trusted: searches in the index are bounded, and each block number is checked.
//
// Locks: none; all is const after create. Thread context; blocks on the disk.
#pragma once

#include "fs/erofs.h"

namespace mokapot {

class ErofsClusters final : public PageBacking {
 public:
  // after_header: where the inode's header and attributes end. kEUCLEAN, kEOPNOTSUPP.
  static Result<RefPtr<ErofsClusters>> create(RefPtr<ErofsVolume> volume, std::uint64_t nid, erofs::Layout layout,
                                              std::uint64_t after_header, std::uint64_t size);
  Result<Extent> locate(std::uint64_t index, std::uint64_t count) override;
  Result<void> fill_page(std::uint64_t, void*) override { return Errno::kEIO; }
  Result<void> fill_cluster(std::uint64_t first, std::span<std::byte> buffer) override;
  BlockDevice& device() override { return volume_->device(); }
  bool may_change() const override { return false; }

 private:
  template <typename T, typename... Args>
  friend Result<RefPtr<T>> make_ref(Args&&... args);
  ErofsClusters(RefPtr<ErofsVolume> volume, std::uint64_t nid, std::uint64_t size)
      : volume_(std::move(volume)), nid_(nid), size_(size), entries_((size + kPageSize - 1) / kPageSize) {}

  // What the index says of one logical cluster: erofs_cluster_index.cc.
  struct Entry {
    erofs::ClusterKind kind;
    std::uint32_t offset;    // heads
    std::uint64_t block;     // heads
    std::uint32_t back;      // kInside: logical clusters to the head, or to one nearer to it
    std::uint32_t blocks;    // kInside: of the physical cluster, if the entry says so; else 0
  };
  Result<void> read_header(erofs::Layout layout, std::uint64_t after_header);
  Result<Entry> entry(std::uint64_t number);
  Result<Entry> full_entry(std::uint64_t number);
  Result<Entry> compact_entry(std::uint64_t number);
  Entry unpack(const std::byte* pack, unsigned bits, unsigned count, unsigned which) const;

  struct Cluster {
    std::uint64_t begin, end;  // bytes of the file
    std::uint64_t block;       // first on the disk
    std::uint32_t blocks;
    bool compressed;
  };
  // The cluster that holds that byte of the file.
  Result<Cluster> find(std::uint64_t offset);
  Result<std::uint64_t> head_of(std::uint64_t offset, Entry& head);
  Result<bool> is_plain_page(std::uint64_t number, std::uint64_t block);
  Result<void> read_blocks(std::uint64_t block, std::span<std::byte> to);
  Result<void> expand(const Cluster& cluster, std::span<std::byte> input, std::byte* to);
  Result<void> fill_front(std::uint64_t offset, std::span<std::byte> to);
  Errno damaged(const char* what) { return volume_->damaged(nid_, what); }

  const RefPtr<ErofsVolume> volume_;
  const std::uint64_t nid_;
  const std::uint64_t size_;
  const std::uint64_t entries_;  // logical clusters, each a page
  // const after create:
  std::uint64_t index_ = 0;        // offset of the first entry in the volume
  bool full_ = false;
  bool big_clusters_ = false;
  std::uint64_t long_entries_ = 0;   // compact: entries of four bytes before those of two
  std::uint64_t short_entries_ = 0;  // compact: entries of two bytes
};

}  // namespace mokapot
