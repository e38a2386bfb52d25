// SPDX-License-Identifier: Apache-2.0
//
// EROFS as it lies on the disk: Linux Documentation/filesystems/erofs.rst and what mkfs.erofs writes.
// Little endian; structures are read by memcpy and never pointed into, since nothing guarantees their alignment.
#pragma once

#include <cstdint>

namespace mokapot::erofs {

inline constexpr std::uint64_t kSuperBlockOffset = 1024;
inline constexpr std::uint32_t kMagic = 0xe0f5e1e2;
inline constexpr unsigned kInodeSlotBits = 5;  // a nid counts 32 bytes

struct [[gnu::packed]] SuperBlock {
  std::uint32_t magic;
  std::uint32_t checksum;             // crc32c of the rest of the first block, this field as 0
  std::uint32_t compatible_features;
  std::uint8_t block_bits;
  std::uint8_t extra_slots;
  std::uint16_t root_nid;
  std::uint64_t inodes;
  std::uint64_t build_time;
  std::uint32_t build_nanoseconds;
  std::uint32_t blocks;
  std::uint32_t metadata_block;       // nid 0 is here
  std::uint32_t xattr_block;          // shared extended attributes
  std::uint8_t uuid[16];
  std::uint8_t volume_name[16];
  std::uint32_t incompatible_features;
  std::uint16_t compression;
  std::uint16_t extra_devices;
  std::uint16_t device_table_slot;
  std::uint8_t directory_block_bits;  // log2 of blocks a directory block
  std::uint8_t xattr_prefixes;
  std::uint32_t xattr_prefix_start;
  std::uint64_t packed_nid;
  std::uint8_t reserved[24];
};
static_assert(sizeof(SuperBlock) == 128);

inline constexpr std::uint32_t kCompatChecksum = 1;
// Incompatible features. Those of inline tails and fragments do no harm until a file is met that has one.
inline constexpr std::uint32_t kZeroPadding = 1, kCompressionConfigs = 2, kChunkedFiles = 4, kDeviceTable = 8,
                               kTailPacking = 0x10, kFragments = 0x20, kXattrPrefixes = 0x40;

enum class Layout : std::uint8_t { kPlain = 0, kCompressedFull = 1, kInline = 2, kCompressedCompact = 3, kChunks = 4 };

struct [[gnu::packed]] CompactInode {
  std::uint16_t format;       // bit 0: extended; bits 1 to 3: layout
  std::uint16_t xattr_count;  // 0: none; n: a header and n - 1 words
  std::uint16_t mode;
  std::uint16_t links;
  std::uint32_t size;
  std::uint32_t reserved;
  std::uint32_t data;         // first block, device number, or chunk format
  std::uint32_t inode;
  std::uint16_t user;
  std::uint16_t group;
  std::uint32_t reserved2;
};
static_assert(sizeof(CompactInode) == 32);

struct [[gnu::packed]] ExtendedInode {
  std::uint16_t format;
  std::uint16_t xattr_count;
  std::uint16_t mode;
  std::uint16_t reserved;
  std::uint64_t size;
  std::uint32_t data;
  std::uint32_t inode;
  std::uint32_t user;
  std::uint32_t group;
  std::uint64_t modified;
  std::uint32_t modified_nanoseconds;
  std::uint32_t links;
  std::uint8_t reserved2[16];
};
static_assert(sizeof(ExtendedInode) == 64);

inline constexpr std::uint32_t kChunkBitsMask = 0x1f, kChunkIndexes = 0x20;
inline constexpr std::uint32_t kHole = 0xffffffff;
struct [[gnu::packed]] ChunkIndex {
  std::uint16_t advice;
  std::uint16_t device;
  std::uint32_t block;
};
static_assert(sizeof(ChunkIndex) == 8);

// A compressed file is cut into logical clusters of a block each, of which every one has an entry in an index behind
// the inode. Several of them are compressed together into a physical cluster, whole blocks on the disk with zeros
// before the data. The entry of the first says where that is, and at which of its bytes the contents begin.
struct [[gnu::packed]] ClusterHeader {
  std::uint32_t fragment;    // or the size of inline data
  std::uint16_t advice;
  std::uint8_t algorithms;   // bits 0 to 3: of head 1; bits 4 to 7: of head 2
  std::uint8_t cluster_bits; // bits 0 to 2: log2 of blocks a logical cluster
};
static_assert(sizeof(ClusterHeader) == 8);
inline constexpr std::uint16_t kAdviceShortIndex = 1, kAdviceBigClusters1 = 2, kAdviceBigClusters2 = 4,
                               kAdviceInlineTail = 8;
inline constexpr unsigned kAlgorithmLz4 = 0;
inline constexpr std::uint64_t kFullIndexPadding = 8;  // behind the header

enum class ClusterKind : std::uint8_t { kPlain = 0, kHead = 1, kInside = 2, kHead2 = 3 };
struct [[gnu::packed]] FullClusterEntry {
  std::uint16_t advice;       // bits 0 and 1: the kind
  std::uint16_t offset;       // in the logical cluster, where the contents begin
  std::uint32_t block;        // of kInside: two distances of 16 bits, back to the head and on to the next
};
static_assert(sizeof(FullClusterEntry) == 8);
// A distance of the first kInside behind a head is the number of blocks of the physical cluster if it has this bit.
inline constexpr std::uint32_t kDistanceIsBlocks = 1u << 11;

struct [[gnu::packed]] DirectoryEntry {
  std::uint64_t nid;
  std::uint16_t name_offset;  // in the block; of the first entry: also where the entries end
  std::uint8_t type;
  std::uint8_t reserved;
};
static_assert(sizeof(DirectoryEntry) == 12);

struct [[gnu::packed]] XattrHeader {
  std::uint32_t name_filter;
  std::uint8_t shared_count;
  std::uint8_t reserved[7];
};
static_assert(sizeof(XattrHeader) == 12);

struct [[gnu::packed]] XattrEntry {
  std::uint8_t name_size;
  std::uint8_t prefix;  // index into the known prefixes; bit 7: of the image's own
  std::uint16_t value_size;
};
static_assert(sizeof(XattrEntry) == 4);

// CRC-32C, reflected, without the final inversion, as EROFS has it.
std::uint32_t crc32c(std::uint32_t seed, const void* data, std::uint64_t size);

}  // namespace mokapot::erofs
