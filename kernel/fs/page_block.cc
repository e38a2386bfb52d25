// SPDX-License-Identifier: Apache-2.0
//
// Pages of memory files that came as one aligned block of 2 MiB, which a mapping can show by one entry: all
// pages of hugetlb files, and of others where a mapping has the advice MADV_HUGEPAGE. Each page is a frame of
// its own in the tree, with its own references, so everything else works as with pages that came alone; a flag on the
// first one says that all are still together. It goes with the first page that leaves the tree.

#include "fs/page_cache.h"

#include <algorithm>

#include "memory/frames.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

constinit std::atomic<std::uint64_t> whole_blocks{0};

void free_parts(PhysAddr block) {
  for (std::uint64_t i = 0; i < kPagesOfBlock; ++i) free_frame(block + (i << kPageShift));
}

}  // namespace

std::uint64_t huge_file_blocks() { return whole_blocks.load(std::memory_order_relaxed); }

Result<RefPtr<FileCache>> FileCache::create_huge_tlb(Identity identity) {
  auto cache = TRY(make_ref<FileCache>(RefPtr<PageBacking>(), RefPtr<FileCache>(), nullptr, identity, Pages::kHugeTlb));
  cache->writable_.store(true, std::memory_order_relaxed);
  return cache;
}

Frame* FileCache::whole_block(std::uint64_t first) {
  Frame* frame = tree_.find(first);
  if (frame == nullptr || (page_flags(*frame).load(std::memory_order_relaxed) & kPageWholeBlock) == 0) return nullptr;
  return frame;
}

// The frame has left the tree.
void FileCache::leave_block(Frame& frame) {
  const std::uint8_t flags = page_flags(frame).load(std::memory_order_relaxed);
  if ((flags & kPageOfBlock) == 0) return;
  Frame& head = frame_at(PhysAddr(align_down(address_of(frame).value(), kHugePageSize)));
  page_flags(frame).fetch_and(static_cast<std::uint8_t>(~kPageOfBlock), std::memory_order_relaxed);
  // A head that left before has lost the flag then, and may be anybody's by now. Ours are never another's pages.
  if ((flags & kPageWholeBlock) == 0 && (head.owner != this || tree_.find(head.index) != &head)) return;
  const std::uint8_t before =
      page_flags(head).fetch_and(static_cast<std::uint8_t>(~kPageWholeBlock), std::memory_order_relaxed);
  if ((before & kPageWholeBlock) != 0 && !huge_tlb_) whole_blocks.fetch_sub(1, std::memory_order_relaxed);
}

// One block, in frames of their own. Advice is followed while memory is plentiful; MAP_HUGETLB and its files may
// take what reclaiming brings.
Result<PhysAddr> FileCache::allocate_block() {
  PhysAddr block;
  if (huge_tlb_) {
    block = TRY(allocate_huge_block_reclaiming(FrameUse::kHugeTlb, FrameContents::kZeroed));
  } else {
    constexpr std::uint64_t kLeast = (std::uint64_t{32} << 20) >> kPageShift;
    if (quota_ != nullptr && quota_->used.fetch_add(kPagesOfBlock, std::memory_order_relaxed) + kPagesOfBlock >
                                 quota_->limit) {
      uncharge(kPagesOfBlock);
      return Errno::kENOSPC;
    }
    auto got = allocate_huge_block(FrameUse::kTmpfs, std::max<std::uint64_t>(total_frame_count() / 8, kLeast));
    if (!got.ok()) {
      uncharge(kPagesOfBlock);
      return got;
    }
    block = got.value();
  }
  split_allocated_block(block, kHugeFrameOrder);
  return block;
}

// kEAGAIN: some of the pages are there already, or the file ends before.
Result<void> FileCache::check_room(std::uint64_t first, Beyond beyond) {
  std::uint64_t found = 0;
  if (tree_.next(first, found) != nullptr && found < first + kPagesOfBlock) return Errno::kEAGAIN;
  if (beyond == Beyond::kRefuse && first + kPagesOfBlock > size() / kPageSize) return Errno::kEAGAIN;
  if (has_lower_page(first)) return Errno::kEAGAIN;
  return {};
}

// All 512 pages or none.
Result<void> FileCache::insert_block(std::uint64_t first, PhysAddr block, Beyond beyond) {
  SpinGuard guard(tree_lock_);
  TRY(check_room(first, beyond));
  for (std::uint64_t i = 0; i < kPagesOfBlock; ++i) {
    Frame& frame = frame_at(block + (i << kPageShift));
    frame.owner = this;
    frame.index = first + i;
    page_flags(frame).store(i == 0 ? kPageOfBlock | kPageWholeBlock : kPageOfBlock, std::memory_order_relaxed);
    frame.references.store(1, std::memory_order_relaxed);
    if (auto inserted = tree_.insert(first + i, &frame); !inserted.ok()) {
      for (std::uint64_t undone = 0; undone < i; ++undone) tree_.remove(first + undone);
      return inserted.error();
    }
  }
  resident_.store(tree_.size(), std::memory_order_relaxed);
  if (!huge_tlb_) whole_blocks.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Result<void> FileCache::make_block(std::uint64_t first, Beyond beyond) {
  {
    SpinGuard guard(tree_lock_);
    if (whole_block(first) != nullptr) return {};
    TRY(check_room(first, beyond));
  }
  const PhysAddr block = TRY(allocate_block());
  Result<void> inserted = insert_block(first, block, beyond);
  if (inserted.ok()) return {};
  free_parts(block);
  if (!huge_tlb_) uncharge(kPagesOfBlock);
  if (inserted.error() != Errno::kEAGAIN) return inserted;
  // Somebody was faster; if with a block, all is well.
  SpinGuard guard(tree_lock_);
  return whole_block(first) != nullptr ? Result<void>() : inserted;
}

Result<PhysAddr> FileCache::huge_frame_for_mapping(std::uint64_t first) {
  if (backing_ || lower_) return Errno::kEAGAIN;
  TRY(make_block(first, Beyond::kRefuse));
  SpinGuard guard(tree_lock_);
  Frame* head = whole_block(first);
  if (head == nullptr) return Errno::kEAGAIN;
  const PhysAddr block = address_of(*head);
  // Relaxed: the tree's own references keep the frames while we hold the lock.
  for (std::uint64_t i = 0; i < kPagesOfBlock; ++i) {
    frame_at(block + (i << kPageShift)).references.fetch_add(1, std::memory_order_relaxed);
  }
  return block;
}

Result<void> FileCache::reserve(std::uint64_t first, std::uint64_t count) {
  const std::uint64_t pages = std::min(count, size() / kPageSize);
  const std::uint64_t present = resident_pages();
  if (pages > present && !huge_blocks_are_left((pages - present) / kPagesOfBlock)) return Errno::kENOMEM;
  for (std::uint64_t index = align_down(first, kPagesOfBlock); index < first + count; index += kPagesOfBlock) {
    const Result<void> made = make_block(index, Beyond::kRefuse);
    if (made.ok()) continue;
    if (made.error() == Errno::kEAGAIN) return {};  // the end of the file: touching what is behind is SIGBUS
    return made;
  }
  return {};
}

Result<void> FileCache::clear(std::uint64_t offset, std::uint64_t length) {
  for (const std::uint64_t end = offset + length; offset < end;) {
    const std::uint64_t stop = std::min(end, align_down(offset, kPageSize) + kPageSize);
    TRY(clear_part(offset, stop));
    offset = stop;
  }
  return {};
}

}  // namespace mokapot
