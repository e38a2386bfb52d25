// SPDX-License-Identifier: Apache-2.0
//
// Changing files in memory: writing, cutting, punching holes. All run under the inode's lock, so that
// sizes change one at a time; readers and page faults need no lock and see each page whole or not at all.

#include <algorithm>
#include <cstring>

#include "arch/memory_copy.h"
#include "fs/page_cache.h"

namespace mokapot {

// Writes within one page. A page that is overwritten whole is neither zeroed nor read first.
Result<std::size_t> FileCache::write_page(IoBuffer& from, std::uint64_t index, std::size_t offset,
                                          std::size_t size) {
  PageHold hold = find(index);
  if (!hold && size == kPageSize) {
    const PhysAddr frame = TRY(allocate_memory_frame(false));
    auto* data = static_cast<std::byte*>(direct_map(frame));
    auto moved = from.copy_out(data, size);
    const std::size_t got = moved.ok() ? moved.value() : 0;
    if (got == kPageSize) {
      auto page = insert(index, frame, 0, 0, Beyond::kAllow);
      if (page.ok() && address_of(page.value().frame()) == frame) {
        show_instead_of_lower(index);
        return got;
      }
      // A page fault made the page meanwhile, or there was no memory.
      if (page.ok()) arch::copy_page(page.value().data(), data);
      free_memory_frame(frame);
      if (!page.ok()) return page.error();
      return got;
    }
    // The application's memory ended part way: what came goes over what was there.
    Result<PageHold> page = got > 0 ? make_memory_page(index, fault_ahead_, Hole::kAllocate, Beyond::kAllow)
                                      : Result<PageHold>(PageHold());
    if (page.ok() && got > 0) std::memcpy(page.value().data(), data, got);
    free_memory_frame(frame);
    if (!moved.ok()) return moved.error();
    if (!page.ok()) return page.error();
    return got;
  }
  if (!hold) hold = TRY(make_memory_page(index, fault_ahead_, Hole::kAllocate, Beyond::kAllow));
  return from.copy_out(hold.data() + offset, size);
}

Result<std::size_t> FileCache::write(IoBuffer& from, std::uint64_t offset) {
  std::size_t moved = 0;
  Result<void> outcome;
  while (from.remaining() > 0) {
    const std::size_t in_page = offset % kPageSize;
    std::size_t piece = kPageSize - in_page;
    if (piece > from.remaining()) piece = from.remaining();
    auto done = write_page(from, offset / kPageSize, in_page, piece);
    if (!done.ok()) {
      outcome = done.error();
      break;
    }
    moved += done.value();
    offset += done.value();
    if (done.value() > 0 && offset > size()) {
      SpinGuard guard(tree_lock_);
      size_.store(offset, std::memory_order_release);
    }
    if (done.value() < piece) break;
  }
  if (moved == 0 && !outcome.ok()) {
    // A page made beyond the end for a write that moved nothing.
    remove_pages((size() + kPageSize - 1) / kPageSize, UINT64_MAX);
    return outcome.error();
  }
  return moved;
}

// Zeros [offset, end) of one page, if there is anything but zeros in it.
Result<void> FileCache::clear_part(std::uint64_t offset, std::uint64_t end) {
  const std::uint64_t index = offset / kPageSize;
  PageHold hold = find(index);
  if (!hold) {
    bool from_lower = false;
    {
      SpinGuard guard(tree_lock_);
      from_lower = has_lower_page(index);
    }
    if (!from_lower) return {};
    hold = TRY(make_memory_page(index, fault_ahead_, Hole::kAllocate, Beyond::kAllow));
  }
  std::memset(hold.data() + offset % kPageSize, 0, end - offset);
  return {};
}

Result<void> FileCache::truncate(std::uint64_t size) {
  const std::uint64_t old_size = this->size();
  // Behind the shorter end its page reads as zeros from here on: a mapping may have written there, past the end
  // of the file. Done first, since it is the only step that may fail.
  const std::uint64_t shorter = size < old_size ? size : old_size;
  if (size != old_size && shorter % kPageSize != 0) TRY(clear_part(shorter, align_up(shorter, kPageSize)));
  const std::uint64_t first_gone = (size + kPageSize - 1) / kPageSize;
  {
    SpinGuard guard(tree_lock_);
    size_.store(size, std::memory_order_release);
    if (lower_pages_ > first_gone) lower_pages_ = first_gone;
  }
  if (size < old_size) {
    remove_pages(first_gone, UINT64_MAX);
    unmap_pages(first_gone, UINT64_MAX - first_gone, PrivateCopies::kDrop);
  }
  return {};
}

Result<void> FileCache::punch(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = offset + length;
  const std::uint64_t first = (offset + kPageSize - 1) / kPageSize;  // whole pages
  const std::uint64_t last = end / kPageSize;
  if (offset % kPageSize != 0) TRY(clear_part(offset, end < first * kPageSize ? end : first * kPageSize));
  if (end % kPageSize != 0 && last * kPageSize >= offset) TRY(clear_part(last * kPageSize, end));
  if (first >= last) return {};
  // What lower shows there must be covered by pages of zeros, at each moment.
  std::uint64_t covered = first;
  {
    SpinGuard guard(tree_lock_);
    if (lower_ && lower_pages_ > first) covered = std::min(last, lower_pages_);
  }
  for (std::uint64_t index = first; index < covered; ++index) {
    const PhysAddr frame = TRY(allocate_memory_frame(true));
    auto page = insert(index, frame, 0, 0, Beyond::kAllow);
    if (!page.ok() || address_of(page.value().frame()) != frame) free_memory_frame(frame);
    if (!page.ok()) return page.error();
    if (address_of(page.value().frame()) != frame) std::memset(page.value().data(), 0, kPageSize);
  }
  remove_pages(covered, last);
  unmap_pages(first, last - first, PrivateCopies::kKeep);
  return {};
}

// MADV_REMOVE. Without the inode's lock, which comes before the address space's: the size does not change, and
// pages go under the tree's lock.
Result<void> FileCache::punch_hole(std::uint64_t first, std::uint64_t count) {
  if (backing_) return Errno::kEOPNOTSUPP;
  const std::uint64_t pages = (size() + kPageSize - 1) / kPageSize;
  if (first >= pages) return {};
  if (count > pages - first) count = pages - first;
  return punch(first * kPageSize, count * kPageSize);
}

Result<void> FileCache::populate(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = (offset + length + kPageSize - 1) / kPageSize;
  if (end - offset / kPageSize > total_frame_count()) return Errno::kENOSPC;
  for (std::uint64_t index = offset / kPageSize; index < end; ++index) {
    if (find(index)) continue;
    auto page = make_memory_page(index, fault_ahead_, Hole::kAllocate, Beyond::kAllow);
    if (page.ok()) continue;
    // What lies beyond the end is nobody's; holes that were filled further down are no harm.
    remove_pages((size() + kPageSize - 1) / kPageSize, UINT64_MAX);
    return page.error();
  }
  return {};
}

Result<std::uint64_t> FileCache::seek_data(std::uint64_t offset) {
  SpinGuard guard(tree_lock_);
  const std::uint64_t end = size();
  if (offset >= end) return Errno::kENXIO;
  const std::uint64_t index = offset / kPageSize;
  if (backing_ || has_lower_page(index) || tree_.find(index) != nullptr) return offset;
  std::uint64_t found = 0;
  if (tree_.next(index, found) == nullptr || found * kPageSize >= end) return Errno::kENXIO;
  return found * kPageSize;
}

Result<std::uint64_t> FileCache::seek_hole(std::uint64_t offset) {
  SpinGuard guard(tree_lock_);
  const std::uint64_t end = size();
  if (offset >= end) return Errno::kENXIO;
  if (backing_) return end;  // the implicit hole at the end
  std::uint64_t index = offset / kPageSize;
  if (has_lower_page(index)) index = lower_pages_;
  if (index == offset / kPageSize && tree_.find(index) == nullptr) return offset;
  while (tree_.find(index) != nullptr) ++index;
  return index * kPageSize < end ? index * kPageSize : end;
}

}  // namespace mokapot
