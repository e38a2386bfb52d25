// SPDX-License-Identifier: Apache-2.0
//
// Pages of compressed files. A cluster is decompressed once for all of its pages: into a block of frames that lie one
// behind the other, each of which then is a page of the file without being copied. The pages are in the tree, marked
// busy, before that begins, so that other threads which want them wait instead of doing the work again.
//
// Where memory is so short, or so cut up, that there is no such block, one block is kept in reserve, and its contents
// are copied to what frames there are: to the needed page's at least.
//
// Lock: reserve_lock (Mutex, kPageCache) for the reserve, held while it is filled and copied from. Thread context.

#include <bit>
#include <bitset>
#include <cstring>

#include "arch/memory_copy.h"
#include "base/global.h"
#include "fs/page_cache.h"
#include "memory/frames.h"
#include "sched/mutex.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMostPages = PageBacking::kMostClusterPages;
constexpr std::uint64_t kWorkPages = 1;

// Enough for a cluster of 128 KiB that begins and ends anywhere; those that moka makes have 96.
constexpr std::uint64_t kReservePages = 32 + 2 + kWorkPages;

struct Reserve {
  Mutex lock{LockRank::kPageCache};
  PhysAddr block GUARDED_BY(lock);  // null until the first compressed file is read
};
Global<Reserve> the_reserve;

// That many frames one behind the other, each of which is freed on its own.
Result<PhysAddr> allocate_row(std::uint64_t pages) {
  const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
  const PhysAddr block = TRY(allocate_frames(order, FrameUse::kPageCache, FrameContents::kUninitialised));
  split_allocated_block(block, order);
  for (std::uint64_t i = pages; i < std::uint64_t{1} << order; ++i) free_frame(block + (i << kPageShift));
  return block;
}

std::span<std::byte> bytes_of(PhysAddr row, std::uint64_t pages) {
  // SAFETY: the row's own frames, which the direct map shows one behind the other.
  return {static_cast<std::byte*>(direct_map(row)), pages * kPageSize};
}

std::uint64_t buffer_pages(const PageBacking::Extent& extent) { return extent.lead + extent.pages + kWorkPages; }

// The reserve is taken while memory is plentiful: at the first use, which is a program's start.
void take_reserve() {
  MutexGuard guard(the_reserve->lock);
  if (!the_reserve->block.is_null()) return;
  auto row = allocate_row(kReservePages);
  if (row.ok()) the_reserve->block = row.value();
}

}  // namespace

void initialise_page_clusters() { the_reserve.construct(); }

// A cluster's pages on their way into the tree.
struct FileCache::ClusterPages {
  std::uint64_t first, count;
  PhysAddr frames;                // of the first page; the others lie behind
  std::bitset<kMostPages> ours;   // is in the tree, and we hold a reference
  PhysAddr frame(std::uint64_t i) const { return frames + (i << kPageShift); }
};

// Fails if page index is not there afterwards, whoever made it.
Result<void> FileCache::insert_cluster(ClusterPages& pages, std::uint64_t index) {
  Result<void> outcome;
  for (std::uint64_t i = 0; i < pages.count; ++i) {
    auto hold = insert(pages.first + i, pages.frame(i), kPageBusy, 1, Beyond::kRefuse);
    pages.ours[i] = hold.ok() && address_of(hold.value().frame()) == pages.frame(i);
    if (!hold.ok() && pages.first + i == index) outcome = hold.error();
  }
  return outcome;
}

// The file's pages that come from one cluster, index among them. kENOMEM, kEIO, kEUCLEAN.
Result<void> FileCache::read_cluster(const PageBacking::Extent& extent, std::uint64_t index) {
  if (extent.pages > kMostPages) return Errno::kEUCLEAN;
  static constinit std::atomic<bool> has_reserve{false};
  // Relaxed: who is second finds it under the lock.
  if (!has_reserve.exchange(true, std::memory_order_relaxed)) take_reserve();
  const std::uint64_t all = buffer_pages(extent);
  const auto row = allocate_row(all);
  if (!row.ok()) return read_cluster_in_reserve(extent, index);
  ClusterPages pages{extent.first, extent.pages, row.value() + (extent.lead << kPageShift), {}};
  Result<void> outcome = insert_cluster(pages, index);
  // If all are there, another thread has begun the same.
  if (outcome.ok() && pages.ours.any()) outcome = backing_->fill_cluster(extent.first, bytes_of(row.value(), all));
  for (std::uint64_t i = 0; i < pages.count; ++i) {
    if (pages.ours[i]) end_page_read(frame_at(pages.frame(i)), !outcome.ok());
  }
  if (pages.ours.any()) wake_page_waiters(this);
  for (std::uint64_t i = 0; i < all; ++i) {
    const PhysAddr frame = row.value() + (i << kPageShift);
    const bool is_page = i >= extent.lead && i - extent.lead < pages.count && pages.ours[i - extent.lead];
    if (is_page) drop_page_reference(frame_at(frame));
    else free_frame(frame);
  }
  return outcome;
}

Result<void> FileCache::read_cluster_in_reserve(const PageBacking::Extent& extent, std::uint64_t index) {
  const std::uint64_t all = buffer_pages(extent);
  if (all > kReservePages) {
    // One that large is not ours: whoever made the image so has to have the memory.
    constexpr int kTries = 4;
    for (int i = 0; i < kTries && reclaim_frames(kReclaimBatch) > 0; ++i) {
      auto row = allocate_row(all);
      if (!row.ok()) continue;
      for (std::uint64_t page = 0; page < all; ++page) free_frame(row.value() + (page << kPageShift));
      return read_cluster(extent, index);
    }
    return Errno::kENOMEM;
  }
  const PhysAddr needed = TRY(allocate_frame_reclaiming(FrameUse::kPageCache, FrameContents::kUninitialised));
  MutexGuard guard(the_reserve->lock);
  Result<void> outcome;
  if (the_reserve->block.is_null()) outcome = Errno::kENOMEM;
  const std::span<std::byte> buffer = outcome.ok() ? bytes_of(the_reserve->block, all) : std::span<std::byte>();
  if (outcome.ok()) outcome = backing_->fill_cluster(extent.first, buffer);
  const auto keep = [&](std::uint64_t page, PhysAddr frame) {
    arch::copy_page(direct_map(frame), buffer.data() + (extent.lead + page - extent.first) * kPageSize);
    auto hold = insert(page, frame, 0, 0, Beyond::kRefuse);
    if (!hold.ok() || address_of(hold.value().frame()) != frame) free_frame(frame);
    return hold.ok() ? Result<void>() : Result<void>(hold.error());
  };
  if (!outcome.ok()) {
    free_frame(needed);
    return outcome;
  }
  outcome = keep(index, needed);
  for (std::uint64_t page = extent.first; page < extent.first + extent.pages; ++page) {
    if (page == index || find(page)) continue;
    auto frame = allocate_frame(FrameUse::kPageCache, FrameContents::kUninitialised);
    if (!frame.ok() || !keep(page, frame.value()).ok()) break;
  }
  return outcome;
}

}  // namespace mokapot
