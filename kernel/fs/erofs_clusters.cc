// SPDX-License-Identifier: Apache-2.0
//
// Which pages a compressed cluster holds, and what is in them. The compressed blocks are read to the end of the buffer
// that the contents fill from its beginning: LZ4 reads faster than it writes, and a page of distance at the end keeps
// the two apart. Where damaged data makes them meet, what comes out is wrong, but stays inside the buffer.

#include "fs/erofs_clusters.h"

#include <algorithm>
#include <cstring>

#include "device/block_device.h"
#include "fs/lz4.h"
#include "memory/frames.h"

namespace mokapot {

using namespace erofs;

namespace {

constexpr std::uint64_t kMostClusterBytes = PageBacking::kMostClusterPages * kPageSize;
static_assert(lz4_margin(kMostClusterBytes) <= kPageSize, "the page at the buffer's end keeps input and output apart");

bool is_head(ClusterKind kind) { return kind == ClusterKind::kPlain || kind == ClusterKind::kHead; }

// Behind the zeros that fill the first block up.
std::span<const std::byte> without_padding(std::span<const std::byte> input) {
  std::size_t zeros = 0;
  while (zeros < kPageSize && zeros < input.size() && input[zeros] == std::byte{0}) ++zeros;
  return input.subspan(zeros);
}

}  // namespace

// The number of the head whose cluster holds that byte.
Result<std::uint64_t> ErofsClusters::head_of(std::uint64_t offset, Entry& head) {
  std::uint64_t number = offset / kPageSize;
  head = TRY(entry(number));
  // One that begins further on in the same logical cluster: the byte is the cluster's before it.
  std::uint32_t back = is_head(head.kind) && head.offset > offset % kPageSize ? 1 : head.back;
  for (std::uint64_t steps = 0; !is_head(head.kind) || back != 0; ++steps) {
    if (head.kind == ClusterKind::kHead2) return damaged("an unknown kind of compressed data");
    if (back == 0 || back > number || steps > kMostClusterPages) return damaged("compressed data without a beginning");
    number -= back;
    head = TRY(entry(number));
    back = head.back;
  }
  if (head.offset >= kPageSize) return damaged("compressed data that begins outside its place");
  return number;
}

Result<ErofsClusters::Cluster> ErofsClusters::find(std::uint64_t offset) {
  Entry head;
  const std::uint64_t number = TRY(head_of(offset, head));
  Cluster cluster{number * kPageSize + head.offset, size_, head.block, 1, head.kind == ClusterKind::kHead};
  std::uint64_t next = number + 1;
  for (; next < entries_; ++next) {
    const Entry at = TRY(entry(next));
    if (is_head(at.kind)) {
      cluster.end = next * kPageSize + at.offset;
      break;
    }
    if (at.kind != ClusterKind::kInside) return damaged("an unknown kind of compressed data");
    if (next == number + 1 && cluster.compressed && big_clusters_) {
      if (at.blocks == 0) return damaged("compressed data without a size");
      cluster.blocks = at.blocks;
    }
    if (next - number > kMostClusterPages) break;
  }
  if (cluster.end <= cluster.begin || offset < cluster.begin || offset >= cluster.end) {
    return damaged("compressed data that ends before it begins");
  }
  const std::uint64_t bytes = cluster.end - cluster.begin;
  if (next - number > kMostClusterPages || bytes > kMostClusterBytes) {
    (void)damaged("its compressed pieces are too large; make the image with --max-extent-bytes=131072");
    return Errno::kEOPNOTSUPP;
  }
  if (cluster.block >= volume_->blocks() || cluster.blocks > volume_->blocks() - cluster.block) {
    return damaged("its data is outside the volume");
  }
  // Compression that does not pay is not kept. Here it says that input and output fit one buffer.
  const bool fits = cluster.compressed ? cluster.blocks <= (bytes + kPageSize - 1) / kPageSize : bytes <= kPageSize;
  if (!fits) return damaged("more compressed data than contents");
  return cluster;
}

// Whether that block on the disk is just that page of the file.
Result<bool> ErofsClusters::is_plain_page(std::uint64_t number, std::uint64_t block) {
  const Entry own = TRY(entry(number));
  if (own.kind != ClusterKind::kPlain || own.offset != 0 || own.block != block) return false;
  if (number + 1 == entries_) return true;
  const Entry next = TRY(entry(number + 1));
  return is_head(next.kind) && next.offset == 0;
}

Result<PageBacking::Extent> ErofsClusters::locate(std::uint64_t index, std::uint64_t count) {
  const Cluster cluster = TRY(find(index * kPageSize));
  if (TRY(is_plain_page(index, cluster.block))) {
    std::uint64_t pages = 1;
    while (pages < count && index + pages < entries_ && cluster.block + pages < volume_->blocks() &&
           TRY(is_plain_page(index + pages, cluster.block + pages))) {
      ++pages;
    }
    return Extent{Extent::Kind::kDevice, cluster.block * kPageSize, pages};
  }
  const std::uint64_t first = (cluster.begin + kPageSize - 1) / kPageSize;
  const std::uint64_t end = (cluster.end + kPageSize - 1) / kPageSize;
  return Extent{Extent::Kind::kCluster, 0, end - first, first, first - cluster.begin / kPageSize};
}

Result<void> ErofsClusters::read_blocks(std::uint64_t block, std::span<std::byte> to) {
  const PhysSegment segment{from_direct_map(to.data()), static_cast<std::uint32_t>(to.size())};
  return device().transfer(BlockRequest::Kind::kRead, block * kPageSize, std::span(&segment, 1));
}

// All of the cluster, of which input is what lies on the disk.
Result<void> ErofsClusters::expand(const Cluster& cluster, std::span<std::byte> input, std::byte* to) {
  const std::size_t bytes = cluster.end - cluster.begin;
  if (!cluster.compressed) {
    std::memmove(to, input.data(), bytes);
    return {};
  }
  if (lz4_decompress(without_padding(input), {to, bytes})) return {};
  (void)damaged("its compressed data is damaged");
  return Errno::kEIO;
}

// The file from offset, where a cluster begins, until to is full or the file ends, and then zeros.
Result<void> ErofsClusters::fill_front(std::uint64_t offset, std::span<std::byte> to) {
  // No more than the zeros before it and what less than a page can take when it is compressed badly.
  constexpr unsigned kOrder = 2;
  constexpr std::uint64_t kMostBlocks = 3;
  const PhysAddr frames = TRY(allocate_frames(kOrder, FrameUse::kPageCache, FrameContents::kUninitialised));
  // SAFETY: bytes of the block just allocated.
  auto* const buffer = static_cast<std::byte*>(direct_map(frames));
  Result<void> outcome;
  while (!to.empty() && offset < size_) {
    const auto found = find(offset);
    if (found.ok() && found.value().begin != offset) outcome = damaged("compressed data that overlaps");
    if (!found.ok()) outcome = found.error();
    if (!outcome.ok()) break;
    const Cluster& cluster = found.value();
    const std::span input(buffer, std::min<std::uint64_t>(cluster.blocks, kMostBlocks) * kPageSize);
    outcome = read_blocks(cluster.block, input);
    if (!outcome.ok()) break;
    const std::size_t bytes = std::min<std::uint64_t>(to.size(), cluster.end - offset);
    if (!cluster.compressed) {
      std::memcpy(to.data(), input.data(), bytes);
    } else if (!lz4_decompress_front(without_padding(input), to.first(bytes))) {
      (void)damaged("its compressed data is damaged");
      outcome = Errno::kEIO;
      break;
    }
    to = to.subspan(bytes);
    offset += bytes;
  }
  free_frames(frames, kOrder);
  if (outcome.ok() && !to.empty()) std::memset(to.data(), 0, to.size());
  return outcome;
}

Result<void> ErofsClusters::fill_cluster(std::uint64_t first, std::span<std::byte> buffer) {
  const Cluster cluster = TRY(find(first * kPageSize));
  const std::uint64_t input_bytes = cluster.blocks * kPageSize;
  std::byte* const to = buffer.data() + cluster.begin % kPageSize;
  const std::size_t bytes = cluster.end - cluster.begin;
  const std::span<std::byte> pages = buffer.first(buffer.size() - kPageSize);
  // locate() said how large the buffer has to be, and the volume may have changed since.
  if (input_bytes > pages.size() || cluster.begin % kPageSize + bytes > pages.size()) return damaged("it changes");
  const std::span<std::byte> input = buffer.last(input_bytes);
  TRY(read_blocks(cluster.block, input));
  TRY(expand(cluster, input, to));
  const std::span<std::byte> rest = pages.subspan(cluster.begin % kPageSize + bytes);
  if (rest.empty()) return {};
  return fill_front(cluster.end, rest);
}

}  // namespace mokapot
