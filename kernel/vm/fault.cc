// SPDX-License-Identifier: Apache-2.0
//
// Page faults of the application. The lock on the regions is held shared; whatever can fail or block is
// done before an entry changes, and entries change by compare-and-exchange, so that CPUs which fault on the
// same page settle it without a lock: the loser gives its frame back and finds the page mapped.
//
// Flushes: a page populated for the first time needs none. Where one frame takes the place of another (a
// private copy of a file's page), the old translation goes from every CPU before the new one can be seen;
// otherwise one CPU could go on reading the old frame after another has written to the new.
//
// A read of untouched anonymous memory gets a frame of its own at once and not a shared page of zeroes:
// the write that usually follows would cost a second fault and a message to every CPU.
#include <algorithm>

#include "arch/memory_copy.h"
#include "memory/frames.h"
#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/fault.h"
#include "vm/huge_pool.h"
#include "vm/page_edit.h"
#include "vm/pressure.h"
#include "vm/resident.h"

namespace mokapot {

namespace {
constexpr auto kPagesOfHugePage = static_cast<std::int64_t>(arch::kEntriesPerTable);
}

bool FaultHandler::permitted() const {
  const Protection have = region_.properties.protection;
  switch (access_) {
    // What may be written or executed can be read: the hardware has no other way.
    case FaultAccess::kRead: return have != Protection::kNone;
    case FaultAccess::kWrite: return permits(have, Protection::kWrite);
    case FaultAccess::kExecute: return permits(have, Protection::kExecute);
  }
  return false;
}

std::optional<FaultOutcome> FaultHandler::run() {
  PageTableSlot* upper = existing_page_table_slot(page_, 1);
  if (upper == nullptr) {
    const Result<PageTableSlot*> made = page_table_slot_reclaiming(page_, 1);
    if (!made.ok()) return FaultOutcome::kOutOfMemory;
    upper = made.value();
  }
  const Entry entry(*upper);
  if (entry.table(1)) {
    slot_ = page_table_slots(entry.frame()) + arch::table_index(page_, 0);
  } else {
    if (entry.page(1)) return settle_present(*upper, entry, 1);
    if (region_.properties.huge_tlb && !region_.source) return populate_huge_tlb(*upper);
    if (huge_page_fits() && populate_huge(*upper)) return FaultOutcome::kResolved;
    if (huge_source_page_fits() && populate_huge_from_source(*upper)) return FaultOutcome::kResolved;
    const Result<PageTableSlot*> made = page_table_slot_reclaiming(page_, 0);
    if (!made.ok()) {
      // A 2 MiB page got there first: look again.
      if (made.error() == Errno::kEEXIST) return std::nullopt;
      return FaultOutcome::kOutOfMemory;
    }
    slot_ = made.value();
  }
  const Entry present(*slot_);
  if (!present.empty()) return settle_present(*slot_, present, 0);
  return region_.source ? populate_from_source() : populate_anonymous();
}

// --- Anonymous memory ----------------------------------------------------------------------------

bool FaultHandler::huge_page_fits() const {
  const RegionProperties& properties = region_.properties;
  if (!region_.is_private_anonymous() || properties.stack || properties.no_reserve) return false;
  if (properties.huge_pages == HugePages::kNever) return false;
  const VirtAddr begin(align_down(page_.value(), kHugePageSize));
  if (begin < region_.begin() || begin + kHugePageSize > region_.end()) return false;
  // Without advice only plain data: code caches are touched here and there, and grow by their edges.
  return properties.huge_pages == HugePages::kPreferred ||
         properties.protection == (Protection::kRead | Protection::kWrite);
}

bool FaultHandler::populate_huge(PageTableSlot& upper) {
  // Generous only while memory is plentiful; advice halves what must stay free.
  const std::uint64_t plenty =
      std::max<std::uint64_t>(total_frame_count() / 4, (std::uint64_t{64} << 20) >> kPageShift);
  const bool advised = region_.properties.huge_pages == HugePages::kPreferred;
  const Result<PhysAddr> block =
      allocate_huge_block(FrameUse::kAnonymous, advised ? plenty / 2 : plenty);
  if (!block.ok()) return false;
  std::uint64_t expected = 0;
  const Entry entry = Entry::make(block.value(), true, true, region_.properties.protection, 1);
  if (!upper.compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel)) {
    free_frames(block.value(), kHugeFrameOrder);
    return false;
  }
  count_populating_fault(ResidentKind::kAnonymous, kPagesOfHugePage, false);
  count_huge_pages(1);
  return true;
}

// Never a 4 KiB page, and never for lack of memory: the block is there since the mapping is.
std::optional<FaultOutcome> FaultHandler::populate_huge_tlb(PageTableSlot& upper) {
  const PhysAddr block = take_reserved_huge_block();
  std::uint64_t expected = 0;
  const Entry entry = Entry::make(block, true, true, region_.properties.protection, 1);
  if (!upper.compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel)) {
    return_huge_block(block);
    return std::nullopt;
  }
  count_populating_fault(ResidentKind::kAnonymous, kPagesOfHugePage, false);
  return FaultOutcome::kResolved;
}

std::optional<FaultOutcome> FaultHandler::populate_anonymous() {
  const Result<PhysAddr> frame =
      allocate_frame_reclaiming(FrameUse::kAnonymous, FrameContents::kZeroed);
  if (!frame.ok()) return FaultOutcome::kOutOfMemory;
  std::uint64_t expected = 0;
  const Entry entry = Entry::make(frame.value(), true, true, region_.properties.protection, 0);
  // Release: a CPU that walks the tables sees a cleared frame.
  if (!slot_->compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel)) {
    free_frame(frame.value());
    return std::nullopt;
  }
  count_populating_fault(ResidentKind::kAnonymous, 1, false);
  return FaultOutcome::kResolved;
}

// --- What is there already -------------------------------------------------------------------------

std::optional<FaultOutcome> FaultHandler::settle_present(PageTableSlot& slot, Entry entry,
                                                         int level) {
  if (!entry.withdrawn() && (access_ != FaultAccess::kWrite || entry.writable())) {
    // Settled by another CPU, or this CPU remembers older rights.
    arch::invalidate_page(page_);
    count_fault(false);
    return FaultOutcome::kResolved;
  }
  if (level == 1 && !entry.owned()) return take_out_huge(slot);
  if (entry.withdrawn() || entry.owned()) {
    // The region's protection decides.
    std::uint64_t expected = entry.raw();
    const Entry writable = entry.with_protection(region_.properties.protection, level);
    if (slot.compare_exchange_strong(expected, writable.raw(), std::memory_order_acq_rel)) {
      arch::invalidate_page(page_);
    }
    return std::nullopt;
  }
  return region_.is_private() ? copy_on_write(entry) : make_writable(entry);
}

// --- Files -------------------------------------------------------------------------------------------

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
  if (install(upper, Entry::make(block.value(), false, true, region_.properties.protection, 1))) {
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
  Entry taken(0);
  {
    SourceLock lock(region_.source.get());
    const Entry now(upper);
    // With the source's lock held nobody else takes it out; other faults only change its rights.
    if (!now.page(1) || now.owned()) return std::nullopt;
    taken = Entry(upper.exchange(0, std::memory_order_acq_rel));
  }
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
  const Entry entry =
      Entry::make(frame.value(), false, for_write, region_.properties.protection, 0);
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
  if (!install(*slot_, Entry::make(copy, true, true, region_.properties.protection, 0))) {
    free_frame(copy);
    return std::nullopt;
  }
  count_populating_fault(ResidentKind::kAnonymous, 1, major_);
  return FaultOutcome::kResolved;
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
  const Entry entry = Entry::make(frame.value(), false, true, region_.properties.protection, 0);
  if (frame.value() == present.frame()) {
    bool replaced = false;
    {
      SourceLock lock(region_.source.get());
      std::uint64_t expected = present.raw();
      replaced = unmap_count() == seen_unmaps_ &&
                 slot_->compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel);
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
  TlbGather gather;
  std::uint64_t expected = present.raw();
  {
    SourceLock lock(region_.source.get());
    while (!slot_->compare_exchange_weak(expected, 0, std::memory_order_acq_rel)) {
      // Only the accessed and dirty bits may have moved under us.
      const Entry now(expected);
      if (!now.mapped(0) || now.owned() || now.frame() != present.frame()) return false;
    }
  }
  gather.take_page(page_, Entry(expected), 0, region_.source.get());
  return true;  // the gather flushes as it goes
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
    if (install(slot, Entry::make(frame.value(), false, false, region_.properties.protection, 0))) {
      count_resident(resident_kind(frame.value(), false), 1);
    } else {
      source.release_frame(frame.value(), false);
    }
  }
}

std::uint64_t FaultHandler::unmap_count() const {
  return region_.source->unmap_count_.load(std::memory_order_acquire);
}

// --- Entry -------------------------------------------------------------------------------------------

Region* AddressSpace::region_for_fault(VirtAddr address) {
  // Preemption may move us to another CPU between these lines: any CPU's slot is as good, since what
  // is in it is checked, and nothing changes the generation while we hold the lock.
  LastFault& last = last_fault_.mine();
  const std::uint64_t generation = generation_.load(std::memory_order_relaxed);
  if (last.generation.load(std::memory_order_acquire) == generation) {
    Region* region = last.region.load(std::memory_order_relaxed);
    if (region != nullptr && region->contains(address)) return region;
  }
  Region* region = regions_.find(address);
  if (region != nullptr) {
    last.region.store(region, std::memory_order_relaxed);
    last.generation.store(generation, std::memory_order_release);
  }
  return region;
}

FaultOutcome AddressSpace::handle_fault(VirtAddr address, FaultAccess access) {
  ASSERT_MAY_BLOCK();
  if (address.value() >= kApplicationEnd) return FaultOutcome::kNotMapped;
  while (true) {
    ReadGuard guard(lock_);
    const Region* region = region_for_fault(address);
    if (region == nullptr) return FaultOutcome::kNotMapped;
    FaultHandler handler(*region, address.page_down(), access);
    if (!handler.permitted()) return FaultOutcome::kNotPermitted;
    if (const std::optional<FaultOutcome> outcome = handler.run()) return *outcome;
  }
}

}  // namespace mokapot
