// SPDX-License-Identifier: Apache-2.0
//
// Page faults on mappings of files, and of whatever else is a PageSource. What holds for all faults: fault.cc.
//
// Where one frame takes the place of another (a private copy of a file's page), the old translation goes from every CPU
// before the new one can be seen; otherwise one CPU could go on reading the old frame after another has written to the
// new. A page that nobody has looked at yet is in no TLB, and its copy needs no flush (copy_ahead).
#include <algorithm>

#include "arch/memory_copy.h"
#include "memory/frames.h"
#include "vm/code_pages.h"
#include "vm/fault.h"
#include "vm/page_edit.h"
#include "vm/pressure.h"
#include "vm/resident.h"
#include "vm/tlb_gather.h"

namespace mokapot {

bool FaultHandler::huge_source_page_fits() const {
  const RegionProperties& properties = region_.properties;
  if (!region_.source || region_.is_private()) return false;
  if (!properties.huge_tlb && properties.huge_pages != HugePages::kPreferred) return false;
  const VirtAddr begin(align_down(page_.value(), kHugePageSize));
  return begin >= region_.begin() && begin + kHugePageSize <= region_.end() &&
         region_.source_page(begin) % arch::kEntriesPerTable == 0;
}

// Writable at once if the region is: what has such blocks lives in memory, where nobody counts first writes.
bool FaultHandler::populate_huge_from_source(PageTableSlot& upper) {
  const VirtAddr begin(align_down(page_.value(), kHugePageSize));
  seen_unmaps_ = unmap_count();
  const Result<PhysAddr> block = region_.source->huge_frame_for_mapping(region_.source_page(begin));
  if (!block.ok()) return false;
  if (install(upper, Entry::make(block.value(), false, true, rights(1), 1))) {
    count_populating_fault(resident_kind(block.value(), false), kPagesOfHugePage, false);
    return true;
  }
  for (std::uint64_t i = 0; i < arch::kEntriesPerTable; ++i) {
    region_.source->release_frame(block.value() + (i << kPageShift), false);
  }
  return false;
}

// A source's 2 MiB page whose rights are not the region's any more: the next look maps it anew.
std::optional<FaultOutcome> FaultHandler::take_out_huge(PageTableSlot& upper) {
  TlbGather gather;
  SourceLock lock(region_.source.get());
  const Entry now(upper);
  // With the source's lock held nobody else takes it out; other faults only change its rights.
  if (!now.page(1) || now.owned()) return std::nullopt;
  const Entry taken(upper.exchange(0, std::memory_order_acq_rel));
  gather.take_page(VirtAddr(align_down(page_.value(), kHugePageSize)), taken, 1, region_.source.get());
  return std::nullopt;
}

std::optional<FaultOutcome> FaultHandler::outcome_of(Errno error) {
  return error == Errno::kENOMEM ? FaultOutcome::kOutOfMemory : FaultOutcome::kBusError;
}

Result<PhysAddr> FaultHandler::frame_from_source(std::uint64_t index, bool for_write) {
  PageSource& source = *region_.source;
  seen_unmaps_ = unmap_count();
  if (!for_write) {
    Result<PhysAddr> cached = source.cached_frame_for_mapping(index);
    if (cached.ok() || cached.error() != Errno::kEAGAIN) return cached;
    major_ = true;
  }
  return source.frame_for_mapping(index, for_write);
}

std::optional<FaultOutcome> FaultHandler::populate_from_source() {
  const std::uint64_t index = region_.source_page(page_);
  if (region_.is_private() && (access_ == FaultAccess::kWrite || is_patched(page_))) {
    Result<PhysAddr> copy = private_copy(index);
    if (!copy.ok()) return outcome_of(copy.error());
    return install_copy(copy.value());
  }
  const bool for_write = access_ == FaultAccess::kWrite;
  const Result<PhysAddr> frame = frame_from_source(index, for_write);
  if (!frame.ok()) return outcome_of(frame.error());
  const Entry entry = Entry::make(frame.value(), false, for_write, rights(0), 0);
  if (!install(*slot_, entry)) {
    region_.source->release_frame(frame.value(), false);
    return std::nullopt;
  }
  count_populating_fault(resident_kind(frame.value(), false), 1, major_);
  if (!for_write) map_neighbours();
  return FaultOutcome::kResolved;
}

// Puts entry in place of nothing, unless the source has taken pages back since it gave this one.
bool FaultHandler::install(PageTableSlot& slot, Entry entry) {
  SourceLock lock(region_.source.get());
  if (unmap_count() != seen_unmaps_) return false;
  std::uint64_t expected = 0;
  return slot.compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel);
}

Result<PhysAddr> FaultHandler::private_copy(std::uint64_t index) {
  const PhysAddr original = TRY(frame_from_source(index, false));
  Result<PhysAddr> copy =
      allocate_frame_reclaiming(FrameUse::kAnonymous, FrameContents::kUninitialised);
  if (copy.ok()) {
    auto* contents = static_cast<std::byte*>(direct_map(copy.value()));
    arch::copy_page(contents, direct_map(original));
    if (is_patched(page_)) region_.patch->apply(page_, contents);
  }
  region_.source->release_frame(original, false);
  return copy;
}

std::optional<FaultOutcome> FaultHandler::install_copy(PhysAddr copy) {
  if (!install(*slot_, Entry::make(copy, true, true, rights(0), 0))) {
    free_frame(copy);
    return std::nullopt;
  }
  count_populating_fault(ResidentKind::kAnonymous, 1, major_);
  copy_ahead();
  return FaultOutcome::kResolved;
}

// A writer that works its way up through a private mapping (HotSpot relocates its archives so) gets copies of what comes
// next, as many as there are private copies in a row before.
void FaultHandler::copy_ahead() {
  constexpr std::int64_t kMost = 15;
  constexpr std::uint64_t kEighth = 8;  // of memory stays free of guesses
  // What others may write to is to be copied at the write and no sooner.
  if (region_.source->may_change() || access_ != FaultAccess::kWrite) return;
  const auto index = static_cast<std::int64_t>(arch::table_index(page_, 0));
  std::int64_t written = 0;
  for (VirtAddr at = page_; written < kMost && written < index && at > region_.begin(); at = at - kPageSize) {
    if (!Entry(slot_[-(written + 1)]).owned()) break;
    ++written;
  }
  const std::int64_t room = std::min({written, static_cast<std::int64_t>(arch::kEntriesPerTable) - 1 - index,
                                      static_cast<std::int64_t>((region_.end() - page_) >> kPageShift) - 1});
  if (room == 0 || free_frame_estimate() < total_frame_count() / kEighth) return;
  for (std::int64_t i = 1; i <= room; ++i) {
    if (!copy_unused(slot_[i], page_ + static_cast<std::uint64_t>(i) * kPageSize)) return;
  }
}

bool FaultHandler::copy_unused(PageTableSlot& slot, VirtAddr at) {
  const Entry present(slot);
  // Empty: another thread may be about to flush what was there.
  if (!present.mapped(0) || present.owned() || present.accessed() || is_patched(at)) return false;
  PageSource& source = *region_.source;
  seen_unmaps_ = unmap_count();
  const Result<PhysAddr> original = source.cached_frame_for_mapping(region_.source_page(at));
  if (!original.ok()) return false;
  const Result<PhysAddr> copy = allocate_frame(FrameUse::kAnonymous, FrameContents::kUninitialised);
  if (copy.ok()) arch::copy_page(direct_map(copy.value()), direct_map(original.value()));
  source.release_frame(original.value(), false);
  if (!copy.ok()) return false;
  const Entry entry = Entry::make(copy.value(), true, true, rights_unasked(region_.properties.protection), 0);
  std::uint64_t expected = present.raw();
  bool installed = false;
  {
    SourceLock lock(&source);
    // Fails where a processor has marked the entry meanwhile. Declines where it may have taken the place of one whose
    // flush is still to come.
    installed = unmap_count() == seen_unmaps_ && !TlbGather::is_any_pending() &&
                slot.compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel);
  }
  if (!installed) {
    free_frame(copy.value());
    return false;
  }
  count_resident(resident_kind(present.frame(), false), -1);
  source.release_frame(present.frame(), false);
  count_resident(ResidentKind::kAnonymous, 1);
  return true;
}

// The first write to a private page that shows the file's frame.
std::optional<FaultOutcome> FaultHandler::copy_on_write(Entry present) {
  Result<PhysAddr> copy = private_copy(region_.source_page(page_));
  if (!copy.ok()) return outcome_of(copy.error());
  if (!take_out(present)) {
    free_frame(copy.value());
    return std::nullopt;
  }
  return install_copy(copy.value());
}

// The first write through a shared mapping: the source hears of it, and may give another frame.
std::optional<FaultOutcome> FaultHandler::make_writable(Entry present) {
  const Result<PhysAddr> frame = frame_from_source(region_.source_page(page_), true);
  if (!frame.ok()) return outcome_of(frame.error());
  const Entry entry = Entry::make(frame.value(), false, true, rights(0), 0);
  if (frame.value() == present.frame() && !present.revoked_by(entry)) {
    const Entry same = present.accessed() ? entry.with_accessed() : entry;
    bool replaced = false;
    {
      SourceLock lock(region_.source.get());
      std::uint64_t expected = present.raw();
      replaced = unmap_count() == seen_unmaps_ &&
                 slot_->compare_exchange_strong(expected, same.raw(), std::memory_order_acq_rel);
    }
    // The entry keeps the reference that it has.
    region_.source->release_frame(frame.value(), false);
    if (!replaced) return std::nullopt;
    arch::invalidate_page(page_);
    count_fault(false);
    return FaultOutcome::kResolved;
  }
  if (!take_out(present) || !install(*slot_, entry)) {
    region_.source->release_frame(frame.value(), false);
    return std::nullopt;
  }
  count_populating_fault(resident_kind(frame.value(), false), 1, major_);
  return FaultOutcome::kResolved;
}

// Removes the entry from the table and from every TLB. False if it has changed.
bool FaultHandler::take_out(Entry present) {
  TlbGather gather;  // flushes as it goes
  std::uint64_t expected = present.raw();
  {
    SourceLock lock(region_.source.get());
    while (!slot_->compare_exchange_weak(expected, 0, std::memory_order_acq_rel)) {
      // Only the accessed and dirty bits may have moved under us.
      const Entry now(expected);
      if (!now.mapped(0) || now.owned() || now.frame() != present.frame()) return false;
    }
    gather.take_page(page_, Entry(expected), 0, region_.source.get());
  }
  return true;
}

// Maps what the cache holds around a page that was read: the next fault is likely to be there.
void FaultHandler::map_neighbours() {
  constexpr std::uint64_t kWindow = 16 * kPageSize;  // inside one table, being aligned
  const VirtAddr begin = std::max(VirtAddr(align_down(page_.value(), kWindow)), region_.begin());
  const VirtAddr end =
      std::min(VirtAddr(align_down(page_.value(), kWindow) + kWindow), region_.end());
  PageSource& source = *region_.source;
  for (VirtAddr at = begin; at < end; at += kPageSize) {
    PageTableSlot& slot = *(slot_ + static_cast<std::int64_t>(at.page_number()) -
                            static_cast<std::int64_t>(page_.page_number()));
    if (slot.load(std::memory_order_relaxed) != 0 || is_patched(at)) continue;
    seen_unmaps_ = unmap_count();
    const Result<PhysAddr> frame = source.cached_frame_for_mapping(region_.source_page(at));
    if (!frame.ok()) continue;
    if (install(slot, Entry::make(frame.value(), false, false, rights(0), 0))) {
      count_resident(resident_kind(frame.value(), false), 1);
    } else {
      source.release_frame(frame.value(), false);
    }
  }
}

std::uint64_t FaultHandler::unmap_count() const {
  return region_.source->mappings_->unmap_count.load(std::memory_order_acquire);
}

}  // namespace mokapot
