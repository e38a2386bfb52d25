// SPDX-License-Identifier: Apache-2.0
//
// Reading files on disks, and on the host, into the page cache: how much at a time, and the requests that do it.
// A disk's pages go into the tree marked busy before the request is queued, so that whoever else wants them waits
// instead of reading again; the disk's completion (interrupt context) ends that. The host's go there once they have
// come.
//
// How much: a reader that goes on where it stopped gets windows that double up to kMaxWindow, the next
// one begun when it enters the last. Others get what lies around the page, since neighbours of a
// mapped page are likely next and a request costs far more than the bytes in it.

#include <cstring>

#include "base/global.h"
#include "device/block_device.h"
#include "fs/page_cache.h"
#include "memory/frames.h"
#include "sched/wait_queue.h"
#include "trace/log.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMaxWindow = 64;     // pages; 256 KiB
constexpr std::uint64_t kFirstWindow = 16;
constexpr std::uint64_t kAround = 16;        // power of two
constexpr std::size_t kRequestPages = 64;

// One request to the disk and the frames that it fills, with a reference to each.
struct PageRead {
  BlockRequest request;
  const void* owner;  // for waking only; may be gone
  std::uint32_t count = 0;
  std::uint32_t valid_in_last = kPageSize;  // bytes of the last page that belong to the file
  PhysAddr frames[kRequestPages];
  PhysSegment segments[kRequestPages];
};

// Waiters for pages, by file. Woken whole: the predicate sorts them out.
constexpr std::size_t kWaitBuckets = 16;
struct WaitBuckets {
  WaitQueue queues[kWaitBuckets];
};
Global<WaitBuckets> wait_buckets;

WaitQueue& queue_of(const void* owner) {
  const std::uint64_t value = VirtAddr(owner).value();
  return wait_buckets->queues[(value >> 6 ^ value >> 12) % kWaitBuckets];
}

// Interrupt context.
void complete_read(BlockRequest& request, Result<void> outcome) {
  auto* read = static_cast<PageRead*>(request.context);
  if (outcome.ok() && read->valid_in_last < kPageSize) {
    auto* last = static_cast<std::byte*>(direct_map(read->frames[read->count - 1]));
    std::memset(last + read->valid_in_last, 0, kPageSize - read->valid_in_last);
  }
  for (std::uint32_t i = 0; i < read->count; ++i) end_page_read(frame_at(read->frames[i]), !outcome.ok());
  wake_page_waiters(read->owner);
  for (std::uint32_t i = 0; i < read->count; ++i) drop_page_reference(frame_at(read->frames[i]));
  delete read;
}

}  // namespace

void initialise_page_reads() { wait_buckets.construct(); }

void end_page_read(Frame& frame, bool failed) {
  if (failed) page_flags(frame).fetch_or(kPageFailed, std::memory_order_relaxed);
  // Release: whoever sees the page not busy sees its contents.
  page_flags(frame).fetch_and(static_cast<std::uint8_t>(~kPageBusy), std::memory_order_release);
}

void wake_page_waiters(const void* owner) { queue_of(owner).wake_all(); }

void wait_for_page(Frame& frame) {
  wait_until(queue_of(frame.owner), Instant::never(), Interruptible::kNo, [&frame] {
    return (page_flags(frame).load(std::memory_order_acquire) & kPageBusy) == 0;
  });
}

// Reads count pages at device_offset. Returns how many it queued: fewer where a page is there already,
// memory is short (for the pages that are guesses), or the request is full.
Result<std::uint64_t> FileCache::start_device_read(std::uint64_t first, std::uint64_t count,
                                                   std::uint64_t device_offset, bool needed) {
  BlockDevice& device = backing_->device();
  if (count > kRequestPages) count = kRequestPages;
  if (count > device.max_segments()) count = device.max_segments();
  auto read = TRY(make_unique_or_error<PageRead>());
  std::size_t segments = 0;
  while (read->count < count) {
    const bool must_have = needed && read->count == 0;
    auto frame = must_have ? allocate_frame_reclaiming(FrameUse::kPageCache, FrameContents::kUninitialised)
                           : allocate_frame(FrameUse::kPageCache, FrameContents::kUninitialised);
    if (!frame.ok()) {
      if (must_have) return frame.error();
      break;
    }
    // The extra reference is the request's.
    auto hold = insert(first + read->count, frame.value(), kPageBusy, 1, Beyond::kRefuse);
    if (!hold.ok() || address_of(hold.value().frame()) != frame.value()) {
      free_frame(frame.value());
      if (!hold.ok() && must_have) return hold.error();
      break;
    }
    PhysSegment* last = segments > 0 ? &read->segments[segments - 1] : nullptr;
    if (last != nullptr && last->address + last->size == frame.value()) {
      last->size += kPageSize;
    } else {
      read->segments[segments++] = {frame.value(), kPageSize};
    }
    read->frames[read->count++] = frame.value();
  }
  const std::uint64_t queued = read->count;
  if (queued == 0) return std::uint64_t{0};
  if (const std::uint64_t end = (first + queued) * kPageSize; end > size()) {
    read->valid_in_last = static_cast<std::uint32_t>(size() % kPageSize);
  }
  read->owner = this;
  read->request.kind = BlockRequest::Kind::kRead;
  read->request.offset = device_offset;
  read->request.segments = {read->segments, segments};
  read->request.done = complete_read;
  read->request.context = read.get();
  device.submit(read.release()->request);
  return queued;
}

Result<void> FileCache::make_computed_page(std::uint64_t index, bool zero, bool needed) {
  const FrameContents contents = zero ? FrameContents::kZeroed : FrameContents::kUninitialised;
  const PhysAddr frame = TRY(needed ? allocate_frame_reclaiming(FrameUse::kPageCache, contents)
                                    : allocate_frame(FrameUse::kPageCache, contents));
  if (!zero) {
    auto filled = backing_->fill_page(index, direct_map(frame));
    if (!filled.ok()) {
      free_frame(frame);
      return filled;
    }
  }
  auto hold = insert(index, frame, 0, 0, Beyond::kRefuse);
  if (!hold.ok() || address_of(hold.value().frame()) != frame) free_frame(frame);
  if (!hold.ok()) return hold.error();
  return {};
}

// Reads several pages from the host, and waits for them. Returns how many; fewer where memory is short.
Result<std::uint64_t> FileCache::fetch(std::uint64_t first, std::uint64_t count, bool needed) {
  if (count > PageBacking::kMostFetched) count = PageBacking::kMostFetched;
  PhysAddr frames[PageBacking::kMostFetched];
  std::uint64_t renewals = 0;
  {
    SpinGuard guard(tree_lock_);
    renewals = renewals_;
  }
  std::size_t got = 0;
  Result<void> outcome;
  for (; got < count; ++got) {
    const bool must_have = needed && got == 0;
    auto frame = must_have ? allocate_frame_reclaiming(FrameUse::kPageCache, FrameContents::kUninitialised)
                           : allocate_frame(FrameUse::kPageCache, FrameContents::kUninitialised);
    if (!frame.ok()) {
      if (must_have) outcome = frame.error();
      break;
    }
    frames[got] = frame.value();
  }
  if (got > 0) outcome = backing_->fetch_pages(first, {frames, got});
  for (std::size_t i = 0; i < got; ++i) {
    bool kept = false;
    if (outcome.ok()) {
      auto hold = insert(first + i, frames[i], 0, 0, Beyond::kRefuse);
      kept = hold.ok() && address_of(hold.value().frame()) == frames[i];
      if (!hold.ok() && needed && i == 0) outcome = hold.error();
    }
    if (!kept) free_frame(frames[i]);
  }
  if (!outcome.ok()) return outcome.error();
  bool stale = false;
  {
    SpinGuard guard(tree_lock_);
    stale = renewals != renewals_;
  }
  if (stale) {
    remove_pages(first, first + got);
    unmap_pages(first, got, PrivateCopies::kKeep);
  }
  return std::uint64_t{got};
}

void FileCache::renew(std::uint64_t size) {
  {
    SpinGuard guard(tree_lock_);
    ++renewals_;
    size_.store(size, std::memory_order_release);
  }
  remove_pages(0, UINT64_MAX);
  unmap_pages(0, UINT64_MAX, PrivateCopies::kKeep);
}

// Queues reads for what is missing of [first, first + count). Errors only if they stop page needed. To guess at clusters
// does not pay: to decompress them costs the reader the same when it comes to them.
Result<void> FileCache::start_read(std::uint64_t first, std::uint64_t count, std::uint64_t needed,
                                   Clusters clusters) {
  const std::uint64_t pages = (size() + kPageSize - 1) / kPageSize;
  const std::uint64_t end = count < pages - first ? first + count : pages;
  for (std::uint64_t index = first; index < end;) {
    if (find_in_device(index) || find(index)) {
      ++index;
      continue;
    }
    const bool needs = index <= needed && needed < end;
    auto extent = backing_->locate(index, end - index);
    Result<void> outcome;
    std::uint64_t done = 0;
    if (!extent.ok()) {
      outcome = extent.error();
    } else if (extent.value().kind == PageBacking::Extent::Kind::kDevice) {
      auto queued = start_device_read(index, extent.value().pages, extent.value().device_offset, needs);
      if (queued.ok()) done = queued.value();
      else outcome = queued.error();
    } else if (extent.value().kind == PageBacking::Extent::Kind::kFetched) {
      auto fetched = fetch(index, extent.value().pages, needs);
      if (fetched.ok()) done = fetched.value();
      else outcome = fetched.error();
    } else if (const PageBacking::Extent& cluster = extent.value();
               cluster.kind == PageBacking::Extent::Kind::kCluster) {
      done = cluster.first + cluster.pages - index;
      const bool wanted = clusters == Clusters::kAll || (index <= needed && needed - index < done);
      if (wanted) outcome = read_cluster(cluster, clusters == Clusters::kAll ? index : needed);
      else if (index > needed) return {};
    } else {
      outcome = make_computed_page(index, extent.value().kind == PageBacking::Extent::Kind::kZero, needs);
      done = 1;
    }
    if (!outcome.ok()) {
      // What is merely a guess may fail quietly; before the needed page, go on at that.
      if (index < needed && needed < end) {
        index = needed;
        continue;
      }
      if (index == needed) return outcome;
      return {};
    }
    if (done == 0 && !needs) return {};
    index += done;
  }
  return {};
}

// The page is not there: reads it, and what is likely to be wanted with it.
Result<void> FileCache::read_window(std::uint64_t index, ReadAhead& ahead, bool mapping) {
  const std::uint64_t expected = ahead.next.load(std::memory_order_relaxed);
  std::uint32_t window = ahead.window.load(std::memory_order_relaxed);
  std::uint64_t first = index;
  if (index == expected || (mapping && window != 0 && index > expected && index - expected < kAround / 2)) {
    window = window == 0 ? kFirstWindow : window * 2 > kMaxWindow ? kMaxWindow : window * 2;
  } else {
    window = kAround;
    if (mapping) first = align_down(index, kAround);
  }
  ahead.next.store(first + window, std::memory_order_relaxed);
  ahead.window.store(window, std::memory_order_relaxed);
  TRY(start_read(first, window, index));
  // Reached half way: by then the reader has shown that it goes on.
  if (PageHold mark = find(first + window / 2)) {
    page_flags(mark.frame()).fetch_or(kPageAheadMark, std::memory_order_relaxed);
  }
  return {};
}

// A reader came to the marked page: the next window is read while it works on this one.
void FileCache::read_further(std::uint64_t index, ReadAhead& ahead) {
  if (PageHold mark = find(index)) {
    page_flags(mark.frame()).fetch_and(static_cast<std::uint8_t>(~kPageAheadMark), std::memory_order_relaxed);
  }
  const std::uint64_t first = ahead.next.load(std::memory_order_relaxed);
  // Another reader's mark, or the end: nothing to go on from.
  if (first <= index || first - index > kMaxWindow || first * kPageSize >= size()) return;
  std::uint32_t window = ahead.window.load(std::memory_order_relaxed) * 2;
  if (window > kMaxWindow) window = kMaxWindow;
  if (window == 0) window = kFirstWindow;
  ahead.next.store(first + window, std::memory_order_relaxed);
  ahead.window.store(window, std::memory_order_relaxed);
  // A guess: an error shows when the page is asked for.
  (void)start_read(first, window, UINT64_MAX).ok();
  if (PageHold mark = find(first)) {
    page_flags(mark.frame()).fetch_or(kPageAheadMark, std::memory_order_relaxed);
  }
}

void FileCache::prefetch(std::uint64_t offset, std::uint64_t length) {
  if (lower_) return lower_->prefetch(offset, length);
  if (!backing_ || offset >= size() || length == 0) return;
  if (length > size() - offset) length = size() - offset;
  const std::uint64_t first = offset / kPageSize;
  const std::uint64_t count = (offset + length + kPageSize - 1) / kPageSize - first;
  (void)start_read(first, count < 1024 ? count : 1024, UINT64_MAX, Clusters::kAll).ok();
}

}  // namespace mokapot
