// SPDX-License-Identifier: Apache-2.0
//
// Finding, making and dropping cached pages, for files of both kinds. Reading from disks is
// page_read.cc, contents of memory files page_write.cc, reclaim page_recency.cc.

#include "fs/page_cache.h"

#include <algorithm>
#include <cstring>

#include "arch/memory_copy.h"
#include "base/format.h"
#include "device/block_device.h"
#include "memory/frames.h"
#include "vm/pressure.h"

namespace mokapot {

PageHold::~PageHold() {
  if (frame_ != nullptr) drop_page_reference(*frame_);
}

PhysAddr PageHold::release() {
  const PhysAddr page = address();
  frame_ = nullptr;
  device_page_ = PhysAddr();
  return page;
}

void drop_page_reference(Frame& frame) {
  // Acquire-release: the last user sees all that the others did before the frame is used anew.
  if (frame.references.fetch_sub(1, std::memory_order_acq_rel) == 1) free_frame(address_of(frame));
}

FileCache::FileCache(RefPtr<PageBacking> backing, RefPtr<FileCache> lower, PageQuota* quota, Identity identity,
                     Pages pages)
    : PageSource(lower.get()),
      backing_(std::move(backing)),
      device_memory_(backing_ ? backing_->device_memory() : lower ? lower->device_memory_ : PhysAddr()),
      device_memory_end_(!backing_ && lower         ? lower->device_memory_end_
                         : device_memory_.is_null() ? PhysAddr()
                                                    : device_memory_ + backing_->device().size()),
      lower_(std::move(lower)),
      quota_(quota),
      huge_tlb_(pages == Pages::kHugeTlb),
      identity_(identity) {}

Result<RefPtr<FileCache>> FileCache::create_backed(RefPtr<PageBacking> backing, std::uint64_t size,
                                                   Identity identity) {
  auto cache = TRY(make_ref<FileCache>(std::move(backing), RefPtr<FileCache>(), nullptr, identity, Pages::kSmall));
  cache->size_.store(size, std::memory_order_release);
  return cache;
}

Result<RefPtr<FileCache>> FileCache::create_memory(RefPtr<FileCache> lower, PageQuota* quota, Identity identity) {
  const std::uint64_t size = lower ? lower->size() : 0;
  auto cache = TRY(make_ref<FileCache>(RefPtr<PageBacking>(), std::move(lower), quota, identity, Pages::kSmall));
  cache->writable_.store(true, std::memory_order_relaxed);
  cache->size_.store(size, std::memory_order_release);
  SpinGuard guard(cache->tree_lock_);
  cache->lower_pages_ = (size + kPageSize - 1) / kPageSize;
  return cache;
}

FileCache::~FileCache() { remove_pages(0, UINT64_MAX); }

PageHold FileCache::find(std::uint64_t index) {
  SpinGuard guard(tree_lock_);
  Frame* frame = tree_.find(index);
  // Relaxed: the tree's own reference keeps the frame while we hold the lock.
  if (frame != nullptr) frame->references.fetch_add(1, std::memory_order_relaxed);
  return PageHold(frame);
}

PageHold FileCache::find_in_device(std::uint64_t index) {
  // The last page, if the file ends within it, is the cache's: zeros follow.
  if (!backing_ || device_memory_.is_null() || index >= size() / kPageSize) return {};
  const auto extent = backing_->locate(index, 1);
  if (!extent.ok() || extent.value().kind != PageBacking::Extent::Kind::kDevice) return {};
  return PageHold::of_device(device_memory_ + extent.value().device_offset);
}

// Puts a fresh frame in the tree, with a reference for the tree, one for the caller and extra ones.
// Where another thread was faster the result is its page, and the frame is still the caller's, as it is
// after an error.
Result<PageHold> FileCache::insert(std::uint64_t index, PhysAddr address, std::uint8_t flags,
                                   std::uint32_t extra_references, Beyond beyond) {
  Frame& frame = frame_at(address);
  SpinGuard guard(tree_lock_);
  if (Frame* present = tree_.find(index)) {
    present->references.fetch_add(1, std::memory_order_relaxed);
    return PageHold(present);
  }
  // Under the lock under which truncation sets the size: no page is left behind beyond the end.
  if (beyond == Beyond::kRefuse && index >= (size() + kPageSize - 1) / kPageSize) return Errno::kENXIO;
  frame.owner = this;
  frame.index = index;
  page_flags(frame).store(flags, std::memory_order_relaxed);
  frame.references.store(2 + extra_references, std::memory_order_relaxed);
  if (auto inserted = tree_.insert(index, &frame); !inserted.ok()) {
    frame.references.store(0, std::memory_order_relaxed);
    return inserted.error();
  }
  resident_.store(tree_.size(), std::memory_order_relaxed);
  if (backing_) PageRecency::add(frame);
  return PageHold(&frame);
}

void FileCache::begin_changes() { changes_.store(true, std::memory_order_release); }

// The page has just got a frame of its own.
void FileCache::show_instead_of_lower(std::uint64_t index) {
  if (lower_ && is_mapped()) unmap_pages(index, 1, PrivateCopies::kKeep);
}

bool FileCache::has_lower_page(std::uint64_t index) const { return lower_ && index < lower_pages_; }

// kENOSPC: the file system is full, or memory is.
Result<PhysAddr> FileCache::allocate_memory_frame(bool zeroed) {
  constexpr std::uint64_t kLastSixteenth = 16;
  if (!memory_is_left(kLastSixteenth)) [[unlikely]] return Errno::kENOSPC;
  if (quota_ != nullptr && quota_->used.fetch_add(1, std::memory_order_relaxed) >= quota_->limit) {
    quota_->used.fetch_sub(1, std::memory_order_relaxed);
    return Errno::kENOSPC;
  }
  auto frame = allocate_frame_reclaiming(FrameUse::kTmpfs, zeroed ? FrameContents::kZeroed
                                                                 : FrameContents::kUninitialised);
  if (!frame.ok()) uncharge(1);
  return frame;
}

void FileCache::free_memory_frame(PhysAddr frame) {
  free_frame(frame);
  uncharge(1);
}

void FileCache::uncharge(std::uint64_t pages) {
  if (quota_ != nullptr) quota_->used.fetch_sub(pages, std::memory_order_relaxed);
}

// A page of a memory file that is not in the tree: a copy of lower's, or zeros. With kLeave, what
// lower has is returned as it is, and a hole as no page at all.
Result<PageHold> FileCache::make_memory_page(std::uint64_t index, ReadAhead& ahead, Hole hole, Beyond beyond) {
  bool from_lower = false;
  {
    SpinGuard guard(tree_lock_);
    from_lower = has_lower_page(index);
  }
  if (huge_tlb_ && hole == Hole::kAllocate) {
    TRY(make_block(align_down(index, kPagesOfBlock), beyond));
    if (PageHold made = find(index)) return made;
    return Errno::kENXIO;  // cut off meanwhile
  }
  PageHold lower_page;
  if (from_lower) lower_page = TRY(lower_page_of(index, ahead));
  if (hole == Hole::kLeave) return lower_page;
  const PhysAddr frame = TRY(allocate_memory_frame(!from_lower));
  if (from_lower) arch::copy_page(direct_map(frame), lower_page.data());
  auto page = insert(index, frame, 0, 0, beyond);
  if (!page.ok() || address_of(page.value().frame()) != frame) free_memory_frame(frame);
  if (page.ok() && from_lower) show_instead_of_lower(index);
  return page;
}

// Reading ahead is the lower's, and so is how far page faults are.
Result<PageHold> FileCache::lower_page_of(std::uint64_t index, ReadAhead& ahead) {
  return lower_->page(index, &ahead == &fault_ahead_ ? lower_->fault_ahead_ : ahead);
}

Result<PageHold> FileCache::find_or_make(std::uint64_t index, ReadAhead& ahead, Hole hole) {
  // A page whose reading failed is asked for once more: the failed request may have been a guess
  // that ran over a bad sector further on.
  for (int failures = 0; failures < 2;) {
    if (index >= (size() + kPageSize - 1) / kPageSize) return Errno::kENXIO;
    if (hole == Hole::kLeave && is_only_lower()) return lower_page_of(index, ahead);
    if (PageHold hold = find_in_device(index)) return hold;
    PageHold hold = find(index);
    if (!hold) {
      if (!backing_) return make_memory_page(index, ahead, hole, Beyond::kRefuse);
      TRY(read_window(index, ahead, &ahead == &fault_ahead_));
      continue;
    }
    Frame& frame = hold.frame();
    if ((page_flags(frame).load(std::memory_order_acquire) & kPageBusy) != 0) wait_for_page(frame);
    const std::uint8_t flags = page_flags(frame).load(std::memory_order_acquire);
    if ((flags & kPageFailed) != 0) {
      ++failures;
      forget_failed(index, frame);
      continue;
    }
    if ((flags & kPageAheadMark) != 0) read_further(index, ahead);
    if ((flags & kPageReferenced) == 0) page_flags(frame).fetch_or(kPageReferenced, std::memory_order_relaxed);
    return hold;
  }
  return Errno::kEIO;
}

Result<PageHold> FileCache::page(std::uint64_t index, ReadAhead& ahead) {
  return find_or_make(index, ahead, Hole::kAllocate);
}

Result<std::size_t> FileCache::read(IoBuffer& into, std::uint64_t offset, ReadAhead& ahead) {
  std::size_t moved = 0;
  while (into.remaining() > 0) {
    const std::uint64_t end = size();
    if (offset >= end) break;
    const std::size_t in_page = offset % kPageSize;
    std::size_t piece = kPageSize - in_page;
    if (piece > end - offset) piece = end - offset;
    if (piece > into.remaining()) piece = into.remaining();
    auto hold = find_or_make(offset / kPageSize, ahead, Hole::kLeave);
    if (!hold.ok()) {
      if (hold.error() == Errno::kENXIO || moved > 0) break;  // cut off meanwhile; or report what was moved
      return hold.error();
    }
    auto done = hold.value() ? into.copy_in(hold.value().data() + in_page, piece) : into.clear(piece);
    if (!done.ok()) {
      if (moved > 0) break;
      return done.error();
    }
    moved += done.value();
    offset += done.value();
    if (done.value() < piece) break;
  }
  return moved;
}

void FileCache::forget_failed(std::uint64_t index, Frame& frame) {
  {
    SpinGuard guard(tree_lock_);
    if (tree_.find(index) != &frame) return;
    tree_.remove(index);
    resident_.store(tree_.size(), std::memory_order_relaxed);
    PageRecency::remove(frame);
  }
  drop_page_reference(frame);
}

// Takes the pages out of the tree. Mappings and users keep their references.
void FileCache::remove_pages(std::uint64_t first, std::uint64_t end) {
  constexpr std::size_t kBatch = 32;  // bounds the time without preemption
  while (first < end) {
    Frame* batch[kBatch];
    std::size_t count = 0;
    {
      SpinGuard guard(tree_lock_);
      std::uint64_t index = 0;
      while (count < kBatch) {
        Frame* frame = tree_.next(first, index);
        if (frame == nullptr || index >= end) {
          first = end;
          break;
        }
        tree_.remove(index);
        leave_block(*frame);
        if (backing_) PageRecency::remove(*frame);
        batch[count++] = frame;
        first = index + 1;
      }
      resident_.store(tree_.size(), std::memory_order_relaxed);
    }
    if (!backing_) uncharge(count);
    for (std::size_t i = 0; i < count; ++i) drop_page_reference(*batch[i]);
  }
}

Result<PhysAddr> FileCache::frame_for_mapping(std::uint64_t index, bool for_write) {
  // A page of a memory file is never dropped, so that there is no dirtiness to keep.
  if (!for_write && lower_) {
    auto hold = TRY(find_or_make(index, fault_ahead_, Hole::kLeave));
    if (hold) return hold.release();
  }
  auto hold = TRY(find_or_make(index, fault_ahead_, Hole::kAllocate));
  return hold.release();
}

Result<PhysAddr> FileCache::cached_frame_for_mapping(std::uint64_t index) {
  if (index >= (size() + kPageSize - 1) / kPageSize) return Errno::kENXIO;
  if (is_only_lower()) return lower_->cached_frame_for_mapping(index);
  if (PageHold hold = find_in_device(index)) return hold.release();
  PageHold hold = find(index);
  if (!hold) {
    bool from_lower = false;
    {
      SpinGuard guard(tree_lock_);
      from_lower = has_lower_page(index) && tree_.find(index) == nullptr;
    }
    if (from_lower) return lower_->cached_frame_for_mapping(index);
    return Errno::kEAGAIN;
  }
  const std::uint8_t flags = page_flags(hold.frame()).load(std::memory_order_acquire);
  if ((flags & (kPageBusy | kPageFailed)) != 0) return Errno::kEAGAIN;
  return hold.release();
}

void FileCache::release_frame(PhysAddr frame, bool) {
  if (frame >= device_memory_ && frame < device_memory_end_) return;  // the device's own
  drop_page_reference(frame_at(frame));
}

void FileCache::set_path(std::string_view path) {
  std::unique_ptr<char[]> copy(new (std::nothrow) char[path.size() + 1]);
  if (!copy) return;  // the name is for people; a mapping without one does no harm
  std::memcpy(copy.get(), path.data(), path.size());
  copy[path.size()] = '\0';
  SpinGuard guard(path_lock_);
  path_.swap(copy);
}

std::size_t FileCache::describe(char* buffer, std::size_t size) const {
  SpinGuard guard(path_lock_);
  return format_to(buffer, size, "%s%s", path_ ? path_.get() : "",
                   deleted_.load(std::memory_order_relaxed) ? " (deleted)" : "");
}

}  // namespace mokapot
