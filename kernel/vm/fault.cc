// SPDX-License-Identifier: Apache-2.0
//
// Page faults of the application. The lock on the regions is held shared; whatever can fail or block is
// done before an entry changes, and entries change by compare-and-exchange, so that CPUs which fault on the
// same page settle it without a lock: the loser gives its frame back and finds the page mapped.
//
// A page populated for the first time needs no flush. Mappings of files are in fault_files.cc.
//
// A read of untouched anonymous memory gets a frame of its own at once and not a shared page of zeroes:
// the write that usually follows would cost a second fault and a message to every CPU.
#include <algorithm>

#include "memory/frames.h"
#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/code_pages.h"
#include "vm/fault.h"
#include "vm/huge_pool.h"
#include "vm/page_edit.h"
#include "vm/pressure.h"
#include "vm/resident.h"
#include "vm/tlb_gather.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kLongestInstruction = 15;
constinit bool blocks_by_pages = false;  // set at boot

}  // namespace

void map_blocks_by_pages(bool by_pages) { blocks_by_pages = by_pages; }

Protection FaultHandler::rights(int level) const {
  const std::uint64_t size = level == 0 ? kPageSize : kHugePageSize;
  const VirtAddr begin(align_down(page_.value(), size));
  const bool by_own_code = instruction_ < begin + size && instruction_ + kLongestInstruction > begin;
  return rights_for(region_.properties.protection, access_, by_own_code);
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
    if (huge_page_fits() && !by_pages() && populate_huge(*upper)) return FaultOutcome::kResolved;
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
  if (by_pages() && huge_page_fits() && populate_table()) return FaultOutcome::kResolved;
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
  return advised() || properties.protection == (Protection::kRead | Protection::kWrite);
}

bool FaultHandler::advised() const { return region_.properties.huge_pages == HugePages::kPreferred; }
bool FaultHandler::by_pages() const { return blocks_by_pages && !advised(); }

// Generous only while memory is plentiful; advice halves what must stay free.
Result<PhysAddr> FaultHandler::allocate_block() const {
  const std::uint64_t plenty =
      std::max<std::uint64_t>(total_frame_count() / 4, (std::uint64_t{64} << 20) >> kPageShift);
  return allocate_huge_block(FrameUse::kAnonymous, advised() ? plenty / 2 : plenty);
}

bool FaultHandler::populate_huge(PageTableSlot& upper) {
  const Result<PhysAddr> block = allocate_block();
  if (!block.ok()) return false;
  std::uint64_t expected = 0;
  const Entry entry = Entry::make(block.value(), true, true, rights(1), 1);
  if (!upper.compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel)) {
    free_frames(block.value(), kHugeFrameOrder);
    return false;
  }
  count_populating_fault(ResidentKind::kAnonymous, kPagesOfHugePage, false);
  count_huge_pages(1);
  return true;
}

// A whole table at once, if nothing is in it.
bool FaultHandler::populate_table() {
  PageTableSlot* const slots = slot_ - arch::table_index(page_, 0);
  for (std::uint64_t i = 0; i < arch::kEntriesPerTable; ++i) {
    if (slots[i].load(std::memory_order_relaxed) != 0) return false;
  }
  const Result<PhysAddr> block = allocate_block();
  if (!block.ok()) return false;
  split_allocated_block(block.value(), kHugeFrameOrder);
  const Protection given = rights(0);
  std::int64_t populated = 0;
  for (std::uint64_t i = 0; i < arch::kEntriesPerTable; ++i) {
    const PhysAddr frame = block.value() + (i << kPageShift);
    std::uint64_t expected = 0;
    const Entry entry = Entry::make(frame, true, true, given, 0);
    if (slots[i].compare_exchange_strong(expected, entry.raw(), std::memory_order_acq_rel)) ++populated;
    else free_frame(frame);
  }
  count_populating_fault(ResidentKind::kAnonymous, populated, false);
  return true;
}

// Never a 4 KiB page, and never for lack of memory: the block is there since the mapping is.
std::optional<FaultOutcome> FaultHandler::populate_huge_tlb(PageTableSlot& upper) {
  const PhysAddr block = take_reserved_huge_block();
  std::uint64_t expected = 0;
  const Entry entry = Entry::make(block, true, true, rights(1), 1);
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
  const Entry entry = Entry::make(frame.value(), true, true, rights(0), 0);
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
  if (satisfied_by(entry)) {
    // Settled by another CPU, or this CPU remembers older rights.
    arch::invalidate_page(page_);
    count_fault(false);
    return FaultOutcome::kResolved;
  }
  if (level == 1 && !entry.owned()) return take_out_huge(slot);
  if (lends_pages(region_.properties.protection) && (entry.owned() || access_ == FaultAccess::kExecute)) {
    return take_turn(slot, entry, level);
  }
  if (entry.withdrawn() || entry.owned()) {
    // The region's protection decides.
    std::uint64_t expected = entry.raw();
    const Entry writable = entry.with_protection(rights(level), level);
    if (slot.compare_exchange_strong(expected, writable.raw(), std::memory_order_acq_rel)) {
      arch::invalidate_page(page_);
    }
    return std::nullopt;
  }
  return region_.is_private() ? copy_on_write(entry) : make_writable(entry);
}

bool FaultHandler::satisfied_by(Entry entry) const {
  if (entry.withdrawn()) return false;
  switch (access_) {
    case FaultAccess::kRead: return true;
    case FaultAccess::kWrite: return entry.writable();
    case FaultAccess::kExecute: return entry.executable();
  }
  return false;
}

// What a page can do changes (code_pages.h): first it can do nothing, everywhere, then what this access needs.
std::optional<FaultOutcome> FaultHandler::take_turn(PageTableSlot& slot, Entry entry, int level) {
  const Entry idle = entry.with_protection(rights_unasked(region_.properties.protection), level);
  std::uint64_t expected = entry.raw();
  if (!slot.compare_exchange_strong(expected, idle.raw(), std::memory_order_acq_rel)) return std::nullopt;
  if (entry.accessed()) {
    TlbGather gather;
    gather.invalidate(page_);
  }
  expected = idle.raw();
  const Entry turned = idle.with_protection(rights(level), level);
  // Nothing is to be flushed for rights that only grow.
  if (!slot.compare_exchange_strong(expected, turned.raw(), std::memory_order_acq_rel)) return std::nullopt;
  count_fault(false);
  return FaultOutcome::kResolved;
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

FaultOutcome AddressSpace::handle_fault(VirtAddr address, FaultAccess access, VirtAddr instruction) {
  ASSERT_MAY_BLOCK();
  if (address.value() >= kApplicationEnd) return FaultOutcome::kNotMapped;
  while (true) {
    ReadGuard guard(lock_);
    const Region* region = region_for_fault(address);
    if (region == nullptr) return FaultOutcome::kNotMapped;
    FaultHandler handler(*region, address.page_down(), access, instruction);
    if (!handler.permitted()) return FaultOutcome::kNotPermitted;
    std::optional<FaultOutcome> outcome;
    if (lends_pages(region->properties.protection)) [[unlikely]] {
      const MutexGuard turn(turns_);
      outcome = handler.run();
    } else {
      outcome = handler.run();
    }
    if (outcome) return *outcome;
  }
}

}  // namespace mokapot
