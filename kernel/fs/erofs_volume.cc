// SPDX-License-Identifier: Apache-2.0
//
// The volume: superblock, metadata, and the table of inodes in use.

#include <cstring>

#include "device/block_device.h"
#include "fs/erofs.h"
#include "fs/mount.h"
#include "trace/log.h"

namespace mokapot {
namespace {

using namespace erofs;

// The whole device as one file of metadata.
class VolumeBacking final : public PageBacking {
 public:
  explicit VolumeBacking(BlockDevice& device) : device_(device) {}
  Result<Extent> locate(std::uint64_t index, std::uint64_t count) override {
    return Extent{Extent::Kind::kDevice, index * kPageSize, count};
  }
  Result<void> fill_page(std::uint64_t, void*) override { return Errno::kEIO; }
  BlockDevice& device() override { return device_; }
  PhysAddr device_memory() override { return device_.memory(); }
  bool may_change() const override { return false; }

 private:
  BlockDevice& device_;
};

}  // namespace

std::uint32_t erofs::crc32c(std::uint32_t seed, const void* data, std::uint64_t size) {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::uint32_t crc = seed;
  for (std::uint64_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
  }
  return crc;
}

ErofsVolume::ErofsVolume(BlockDevice& device, unsigned number, std::uint64_t shown_device)
    : device_(device), number_(number), shown_device_(shown_device) {}
ErofsVolume::~ErofsVolume() = default;

Errno ErofsVolume::damaged(std::uint64_t nid, const char* what) {
  if (last_reported_.exchange(nid, std::memory_order_relaxed) != nid) {
    LOG_ERROR("erofs: disk %s: damaged: inode %lu: %s", device_.serial(), static_cast<unsigned long>(nid), what);
  }
  return Errno::kEUCLEAN;
}

Result<RefPtr<ErofsVolume>> ErofsVolume::open(BlockDevice& device, unsigned number, std::uint64_t shown_device) {
  ASSERT(number < kMostLayers);
  auto volume = TRY(make_ref<ErofsVolume>(device, number, shown_device));
  // Until the superblock says how much of it counts, the device's own size is the limit.
  volume->size_ = align_down(device.size(), kPageSize);
  auto backing = TRY(make_ref<VolumeBacking>(device));
  volume->metadata_ = TRY(FileCache::create_backed(std::move(backing), volume->size_, {0, 0}));
  TRY(volume->read_super());
  return volume;
}

Result<void> ErofsVolume::read_super() {
  const char* serial = device_.serial();
  if (size_ < kPageSize || device_.sector_size() > kPageSize) {
    LOG_ERROR("erofs: disk %s: too small or its sectors too large for a file system", serial);
    return Errno::kEINVAL;
  }
  ReadAhead ahead;
  PageHold first = TRY(metadata_->page(0, ahead));
  const std::byte* at = first.data() + kSuperBlockOffset;
  std::memcpy(&super_, at, sizeof super_);
  if (super_.magic != kMagic) {
    LOG_ERROR("erofs: disk %s: not an EROFS image (magic %08x)", serial, super_.magic);
    return Errno::kEINVAL;
  }
  if (super_.block_bits != kPageShift) {
    LOG_ERROR("erofs: disk %s: blocks of 2^%u bytes; make the image with 4096 (mkfs.erofs -b 4096)", serial,
              super_.block_bits);
    return Errno::kEOPNOTSUPP;
  }
  if ((super_.compatible_features & kCompatChecksum) != 0) {
    std::uint32_t sum = ~std::uint32_t{0};
    const std::uint32_t zero = 0;
    sum = crc32c(sum, at, offsetof(SuperBlock, checksum));
    sum = crc32c(sum, &zero, sizeof zero);
    const std::uint64_t rest = offsetof(SuperBlock, compatible_features);
    sum = crc32c(sum, at + rest, kPageSize - kSuperBlockOffset - rest);
    if (sum != super_.checksum) {
      LOG_ERROR("erofs: disk %s: damaged: superblock checksum %08x, should be %08x", serial, sum, super_.checksum);
      return Errno::kEUCLEAN;
    }
  }
  constexpr std::uint32_t kKnown =
      kZeroPadding | kCompressionConfigs | kChunkedFiles | kDeviceTable | kTailPacking | kFragments | kXattrPrefixes;
  if ((super_.incompatible_features & ~kKnown) != 0 || super_.extra_devices != 0 ||
      super_.directory_block_bits != 0) {
    LOG_ERROR("erofs: disk %s: uses features that are not supported (%08x, %u extra devices)", serial,
              super_.incompatible_features, super_.extra_devices);
    return Errno::kEOPNOTSUPP;
  }
  const std::uint64_t bytes = std::uint64_t{super_.blocks} * kPageSize;
  if (bytes > size_ || bytes == 0) {
    LOG_ERROR("erofs: disk %s: damaged: %u blocks, but the disk has %lu", serial, super_.blocks,
              static_cast<unsigned long>(size_ / kPageSize));
    return Errno::kEUCLEAN;
  }
  size_ = bytes;
  return {};
}

Result<void> ErofsVolume::read_metadata(std::uint64_t offset, void* to, std::uint64_t size) {
  if (offset > size_ || size > size_ - offset) return Errno::kEUCLEAN;
  auto* out = static_cast<std::byte*>(to);
  ReadAhead ahead;
  while (size > 0) {
    PageHold page = TRY(metadata_->page(offset / kPageSize, ahead));
    const std::uint64_t in_page = offset % kPageSize;
    const std::uint64_t piece = size < kPageSize - in_page ? size : kPageSize - in_page;
    std::memcpy(out, page.data() + in_page, piece);
    out += piece;
    offset += piece;
    size -= piece;
  }
  return {};
}

Result<RefPtr<ErofsInode>> ErofsVolume::root() { return inode(super_.root_nid); }

Result<RefPtr<ErofsInode>> ErofsVolume::inode(std::uint64_t nid) {
  {
    SpinGuard guard(table_lock_);
    for (ErofsInode* at = buckets_[nid % kBuckets]; at != nullptr; at = at->next_in_bucket_) {
      // One that is just dying is as good as gone.
      if (at->nid_ == nid && at->try_add_reference()) return RefPtr<ErofsInode>::adopt(at);
    }
  }
  auto fresh = TRY(make_ref<ErofsInode>(RefPtr<ErofsVolume>(this), nid));
  TRY(fresh->read());
  SpinGuard guard(table_lock_);
  for (ErofsInode* at = buckets_[nid % kBuckets]; at != nullptr; at = at->next_in_bucket_) {
    if (at->nid_ == nid && at->try_add_reference()) {
      // Another thread read it meanwhile. Ours dies after the lock: it was never in the table.
      return RefPtr<ErofsInode>::adopt(at);
    }
  }
  fresh->next_in_bucket_ = buckets_[nid % kBuckets];
  buckets_[nid % kBuckets] = fresh.get();
  return fresh;
}

void ErofsVolume::forget(ErofsInode& inode) {
  SpinGuard guard(table_lock_);
  for (ErofsInode** at = &buckets_[inode.nid_ % kBuckets]; *at != nullptr; at = &(*at)->next_in_bucket_) {
    if (*at == &inode) {
      *at = inode.next_in_bucket_;
      return;
    }
  }
}

}  // namespace mokapot
