// SPDX-License-Identifier: Apache-2.0
//
// An inode: its header, where its data lies, and links.

#include <cstring>

#include "device/block_device.h"
#include "fs/erofs.h"
#include "fs/erofs_clusters.h"
#include "fs/vnode.h"

namespace mokapot {

using namespace erofs;

ErofsInode::~ErofsInode() { volume_->forget(*this); }

Result<void> ErofsInode::read() {
  ErofsVolume& volume = *volume_;
  const std::uint64_t base = std::uint64_t{volume.super().metadata_block} << kPageShift;
  // A nid beyond the volume must not wrap round into it.
  if (nid_ > volume.size() >> kInodeSlotBits) return volume.damaged(nid_, "its number is outside the volume");
  const std::uint64_t offset = base + (nid_ << kInodeSlotBits);
  std::uint16_t format = 0;
  if (!volume.read_metadata(offset, &format, sizeof format).ok()) return volume.damaged(nid_, "outside the volume");
  const bool extended = (format & 1) != 0;
  const unsigned layout = (format >> 1) & 7;
  std::uint32_t data = 0;
  std::uint16_t xattr_count = 0;
  std::uint64_t header = 0;
  FileStatus& a = attributes_;
  // What both forms of an inode have, under the same names.
  const auto take_common = [&](const auto& inode) {
    a.mode = inode.mode;
    a.links = inode.links;
    a.size = inode.size;
    a.user = inode.user;
    a.group = inode.group;
    data = inode.data;
    xattr_count = inode.xattr_count;
    header = sizeof inode;
  };
  if (extended) {
    ExtendedInode inode;
    TRY(volume.read_metadata(offset, &inode, sizeof inode));
    take_common(inode);
    a.modified = {static_cast<std::int64_t>(inode.modified), inode.modified_nanoseconds};
  } else {
    CompactInode inode;
    TRY(volume.read_metadata(offset, &inode, sizeof inode));
    take_common(inode);
    a.modified = {static_cast<std::int64_t>(volume.super().build_time), volume.super().build_nanoseconds};
  }
  constexpr std::uint32_t kNanosecondsPerSecond = 1'000'000'000;
  if (a.modified.nanoseconds >= kNanosecondsPerSecond) a.modified.nanoseconds = 0;
  a.accessed = a.changed = a.born = a.modified;
  a.inode = nid_ * ErofsVolume::kMostLayers + volume.number();
  if (a.size > INT64_MAX) return volume.damaged(nid_, "its size is negative");
  a.blocks = (a.size + 511) / 512;
  if (xattr_count > 0) {
    xattr_offset_ = offset + header;
    xattr_size_ = sizeof(XattrHeader) + (xattr_count - 1u) * sizeof(std::uint32_t);
    header += xattr_size_;
  }
  switch (a.mode & kModeType) {
    case kModeRegular:
    case kModeDirectory:
    case kModeLink: return read_layout(layout, data, offset + header);
    case kModeCharDevice:
    case kModeBlockDevice: a.special_device = data; break;
    case kModeFifo:
    case kModeSocket: break;
    default: return volume.damaged(nid_, "its type is unknown");
  }
  a.size = a.blocks = 0;
  return {};
}

Result<void> ErofsInode::read_layout(unsigned layout, std::uint32_t data, std::uint64_t after_header) {
  ErofsVolume& volume = *volume_;
  const std::uint64_t size = attributes_.size;
  const FileCache::Identity identity{volume.shown_device(), attributes_.inode};
  if (layout == static_cast<unsigned>(Layout::kCompressedFull) ||
      layout == static_cast<unsigned>(Layout::kCompressedCompact)) {
    auto clusters = TRY(ErofsClusters::create(volume_, nid_, static_cast<Layout>(layout), after_header, size));
    cache_ = TRY(FileCache::create_backed(std::move(clusters), size, identity));
    return {};
  }
  auto backing = TRY(make_ref<ErofsData>(volume_, nid_));
  const std::uint64_t pages = (size + kPageSize - 1) / kPageSize;
  backing->size_ = size;
  backing->whole_pages_ = pages;
  switch (static_cast<Layout>(layout)) {
    case Layout::kInline: {
      if (pages == 0) break;
      const std::uint64_t tail = size - (pages - 1) * kPageSize;
      if (after_header % kPageSize + tail > kPageSize || after_header + tail > volume.size()) {
        return volume.damaged(nid_, "its inline data leaves the block");
      }
      backing->whole_pages_ = pages - 1;
      backing->tail_offset_ = after_header;
      [[fallthrough]];
    }
    case Layout::kPlain:
      backing->first_block_ = data;
      if (backing->whole_pages_ > 0 && (data >= volume.blocks() || backing->whole_pages_ > volume.blocks() - data)) {
        return volume.damaged(nid_, "its data is outside the volume");
      }
      break;
    case Layout::kChunks: {
      if ((data & ~(kChunkBitsMask | kChunkIndexes)) != 0) return volume.damaged(nid_, "unknown chunk format");
      backing->chunk_indexes_ = (data & kChunkIndexes) != 0;
      backing->chunk_page_bits_ = data & kChunkBitsMask;
      const std::uint64_t unit = backing->chunk_indexes_ ? sizeof(ChunkIndex) : sizeof(std::uint32_t);
      backing->chunk_table_ = align_up(after_header, unit);
      const std::uint64_t chunks =
          pages == 0 ? 0 : ((pages - 1) >> backing->chunk_page_bits_) + 1;
      if (backing->chunk_table_ > volume.size() || chunks > (volume.size() - backing->chunk_table_) / unit) {
        return volume.damaged(nid_, "its chunk table is outside the volume");
      }
      break;
    }
    default: return volume.damaged(nid_, "its data layout is unknown");
  }
  cache_ = TRY(FileCache::create_backed(std::move(backing), size, identity));
  return {};
}

PhysAddr ErofsData::device_memory() { return volume_->device().memory(); }

Result<PageBacking::Extent> ErofsData::locate(std::uint64_t index, std::uint64_t count) {
  if (chunk_table_ != 0) return locate_chunk(index, count);
  if (index >= whole_pages_) return Extent{Extent::Kind::kComputed, 0, 1};
  if (count > whole_pages_ - index) count = whole_pages_ - index;
  return Extent{Extent::Kind::kDevice, (first_block_ + index) * kPageSize, count};
}

Result<PageBacking::Extent> ErofsData::locate_chunk(std::uint64_t index, std::uint64_t count) {
  const std::uint64_t chunk = index >> chunk_page_bits_;
  const std::uint64_t in_chunk = index & ((std::uint64_t{1} << chunk_page_bits_) - 1);
  const std::uint64_t left = (std::uint64_t{1} << chunk_page_bits_) - in_chunk;
  if (count > left) count = left;
  std::uint32_t block = 0;
  if (chunk_indexes_) {
    ChunkIndex entry;
    TRY(volume_->read_metadata(chunk_table_ + chunk * sizeof entry, &entry, sizeof entry));
    if (entry.device != 0) return volume_->damaged(nid_, "a chunk on another device");
    block = entry.block;
  } else {
    TRY(volume_->read_metadata(chunk_table_ + chunk * sizeof block, &block, sizeof block));
  }
  if (block == kHole) return Extent{Extent::Kind::kZero, 0, 1};
  const std::uint64_t first = block + in_chunk;
  // The last chunk may be cut off with the file.
  const std::uint64_t pages = (size_ + kPageSize - 1) / kPageSize;
  if (count > pages - index) count = pages - index;
  if (first >= volume_->blocks() || count > volume_->blocks() - first) {
    return volume_->damaged(nid_, "a chunk outside the volume");
  }
  return Extent{Extent::Kind::kDevice, first * kPageSize, count};
}

// The tail that lies behind the inode.
Result<void> ErofsData::fill_page(std::uint64_t index, void* page) {
  if (tail_offset_ == 0 || index != whole_pages_) return volume_->damaged(nid_, "data beyond its end");
  const std::uint64_t tail = size_ - whole_pages_ * kPageSize;
  TRY(volume_->read_metadata(tail_offset_, page, tail));
  std::memset(static_cast<std::byte*>(page) + tail, 0, kPageSize - tail);
  return {};
}

Result<RefPtr<FileCache>> ErofsInode::cache() {
  if (!cache_) return Errno::kENODEV;
  return cache_;
}

Result<std::size_t> ErofsInode::read_link(char* buffer, std::size_t size) {
  constexpr std::uint64_t kLongestTarget = 4095;
  if ((attributes_.mode & kModeType) != kModeLink) return Errno::kEINVAL;
  if (attributes_.size == 0 || attributes_.size > kLongestTarget) {
    return volume_->damaged(nid_, "a link without a sensible target");
  }
  ReadAhead ahead;
  PageHold page = TRY(cache_->page(0, ahead));
  const std::size_t piece = attributes_.size < size ? attributes_.size : size;
  if (std::memchr(page.data(), 0, attributes_.size) != nullptr) {
    return volume_->damaged(nid_, "a link with a NUL in its target");
  }
  std::memcpy(buffer, page.data(), piece);
  return piece;
}

}  // namespace mokapot
