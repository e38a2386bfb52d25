// SPDX-License-Identifier: Apache-2.0
//
// The index of a compressed file: one entry for each logical cluster, of eight bytes each (full), or packed (compact):
// two entries in eight bytes, or sixteen in 32, with one block number behind them that counts for the whole pack.

#include <cstring>

#include "device/block_device.h"
#include "fs/erofs_clusters.h"
#include "trace/log.h"

namespace mokapot {

using namespace erofs;

namespace {

constexpr unsigned kOffsetBits = kPageShift;  // of a packed entry; two bits of kind behind them
constexpr std::uint32_t kOffsetMask = (1u << kOffsetBits) - 1;
struct PackForm {
  unsigned entries, bytes;
  unsigned bits() const { return (bytes - static_cast<unsigned>(sizeof(std::uint32_t))) * 8 / entries; }
};
constexpr PackForm kLongPack{2, 8}, kShortPack{16, 32};
constexpr std::uint64_t kLongEntry = 4, kShortEntry = 2;  // bytes that an entry takes, its share of the number included

// Entries begin at any bit: the word that begins with the entry's first byte holds all of it.
std::uint32_t packed_bits(const std::byte* pack, unsigned at) {
  std::uint32_t word = 0;
  std::memcpy(&word, pack + at / 8, sizeof word);
  return word >> (at % 8);
}

}  // namespace

Result<RefPtr<ErofsClusters>> ErofsClusters::create(RefPtr<ErofsVolume> volume, std::uint64_t nid, Layout layout,
                                                    std::uint64_t after_header, std::uint64_t size) {
  auto clusters = TRY(make_ref<ErofsClusters>(std::move(volume), nid, size));
  TRY(clusters->read_header(layout, after_header));
  return clusters;
}

Result<void> ErofsClusters::read_header(Layout layout, std::uint64_t after_header) {
  const auto refuse = [this](const char* what) {
    LOG_ERROR("erofs: disk %s: inode %lu: %s; make the image with mkfs.erofs -zlz4hc alone", device().serial(),
              static_cast<unsigned long>(nid_), what);
    return Errno::kEOPNOTSUPP;
  };
  const std::uint32_t features = volume_->super().incompatible_features;
  if ((features & kZeroPadding) == 0) return refuse("compressed data without zeros before it");
  full_ = layout == Layout::kCompressedFull;
  ClusterHeader header{};
  const std::uint64_t at = align_up(after_header, sizeof header);
  // Images of old have no header there, but zeros or anything.
  if (!full_ || (features & (kCompressionConfigs | kTailPacking)) != 0) {
    if (!volume_->read_metadata(at, &header, sizeof header).ok()) return damaged("its index is outside the volume");
  }
  if ((header.advice & kAdviceInlineTail) != 0) return refuse("a tail packed beside the inode");
  if ((header.advice & ~(kAdviceShortIndex | kAdviceBigClusters1 | kAdviceBigClusters2)) != 0) {
    return refuse("a form of compression that is not supported");
  }
  if ((header.algorithms & 0xf) != kAlgorithmLz4) return refuse("compressed by another algorithm than LZ4");
  if ((header.cluster_bits & 7) != 0) return refuse("logical clusters of several blocks");
  big_clusters_ = (header.advice & kAdviceBigClusters1) != 0;
  index_ = at + sizeof header;
  std::uint64_t bytes = 0;
  if (full_) {
    index_ += kFullIndexPadding;
    if (entries_ > volume_->size() / sizeof(FullClusterEntry)) return damaged("its index is outside the volume");
    bytes = entries_ * sizeof(FullClusterEntry);
  } else {
    if (entries_ > volume_->size() / kShortEntry) return damaged("its index is outside the volume");
    // Packs of 32 bytes lie at multiples of that: before the first and behind the last of them are those of eight.
    const std::uint64_t before = (align_up(index_, kShortPack.bytes) - index_) / kLongEntry;
    long_entries_ = entries_;
    if ((header.advice & kAdviceShortIndex) != 0 && before < entries_) {
      long_entries_ = before;
      short_entries_ = align_down(entries_ - before, kShortPack.entries);
    }
    bytes = (entries_ - short_entries_) * kLongEntry + short_entries_ * kShortEntry;
  }
  if (index_ > volume_->size() || bytes > volume_->size() - index_) return damaged("its index is outside the volume");
  return {};
}

Result<ErofsClusters::Entry> ErofsClusters::entry(std::uint64_t number) {
  return full_ ? full_entry(number) : compact_entry(number);
}

Result<ErofsClusters::Entry> ErofsClusters::full_entry(std::uint64_t number) {
  FullClusterEntry raw;
  TRY(volume_->read_metadata(index_ + number * sizeof raw, &raw, sizeof raw));
  constexpr std::uint16_t kKindMask = 3;
  if ((raw.advice & ~kKindMask) != 0) return damaged("an unknown kind of compressed data");
  Entry entry{static_cast<ClusterKind>(raw.advice & kKindMask), raw.offset, raw.block, 0, 0};
  if (entry.kind != ClusterKind::kInside) return entry;
  const std::uint32_t back = raw.block & 0xffff;
  if (big_clusters_ && (back & kDistanceIsBlocks) != 0) {
    entry.back = 1;
    entry.blocks = back & ~kDistanceIsBlocks;
  } else {
    entry.back = back;
  }
  return entry;
}

Result<ErofsClusters::Entry> ErofsClusters::compact_entry(std::uint64_t number) {
  PackForm form = kLongPack;
  std::uint64_t at = index_, in_part = number;
  if (number >= long_entries_ && number - long_entries_ < short_entries_) {
    form = kShortPack;
    at += long_entries_ * kLongEntry;
    in_part = number - long_entries_;
  } else if (number >= long_entries_) {
    at += long_entries_ * kLongEntry + short_entries_ * kShortEntry;
    in_part = number - long_entries_ - short_entries_;
  }
  std::byte pack[kShortPack.bytes];
  // The last pack may have one entry, but is written whole.
  TRY(volume_->read_metadata(at + in_part / form.entries * form.bytes, pack, form.bytes));
  return unpack(pack, form.bits(), form.entries, static_cast<unsigned>(in_part % form.entries));
}

ErofsClusters::Entry ErofsClusters::unpack(const std::byte* pack, unsigned bits, unsigned count,
                                           unsigned which) const {
  struct Packed {
    ClusterKind kind;
    std::uint32_t low;
    bool has_blocks() const { return kind == ClusterKind::kInside && (low & kDistanceIsBlocks) != 0; }
  };
  const auto packed = [pack, bits](unsigned i) {
    const std::uint32_t word = packed_bits(pack, bits * i);
    return Packed{static_cast<ClusterKind>(word >> kOffsetBits & 3), word & kOffsetMask};
  };
  const Packed own = packed(which);
  if (own.kind == ClusterKind::kInside) {
    if (big_clusters_ && own.has_blocks()) return {own.kind, 0, 0, 1, own.low & ~kDistanceIsBlocks};
    if (which + 1 != count) return {own.kind, 0, 0, own.low, 0};
    // The last of a pack has the distance to the next head instead: one more than its neighbour's.
    const Packed neighbour = packed(which - 1);
    const bool head = neighbour.kind != ClusterKind::kInside;
    return {own.kind, 0, 0, head ? 1 : neighbour.has_blocks() ? 2 : neighbour.low + 1, 0};
  }
  // Physical clusters lie on the disk in the order of their heads: their blocks are added up.
  std::uint64_t blocks = big_clusters_ ? 0 : 1;
  for (unsigned i = 0; i < which; ++i) {
    const Packed before = packed(i);
    if (before.kind != ClusterKind::kInside) {
      const bool counted_by_next = big_clusters_ && i + 1 < which && packed(i + 1).has_blocks();
      blocks += counted_by_next ? 0 : 1;
    } else if (big_clusters_ && before.has_blocks()) {
      blocks += before.low & ~kDistanceIsBlocks;
    }
  }
  std::uint32_t base = 0;
  std::memcpy(&base, pack + bits * count / 8, sizeof base);
  return {own.kind, own.low, base + blocks, 0, 0};
}

}  // namespace mokapot
