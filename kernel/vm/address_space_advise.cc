// SPDX-License-Identifier: Apache-2.0
//
// madvise, and populating ahead of use. Advice that only concerns fork, core dumps, swap or page
// deduplication is accepted where Linux accepts it: there is nothing here for it to change.
#include <algorithm>

#include "memory/page_table.h"
#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/fault.h"
#include "vm/page_edit.h"
#include "vm/region_change.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

// Linux's MADV_ values.
enum Advice : std::int32_t {
  kNormal = 0, kRandom = 1, kSequential = 2, kWillNeed = 3, kDontNeed = 4, kFree = 8, kRemove = 9,
  kDontFork = 10, kDoFork = 11, kMergeable = 12, kUnmergeable = 13, kHugePage = 14,
  kNoHugePage = 15, kDontDump = 16, kDoDump = 17, kWipeOnFork = 18, kKeepOnFork = 19, kCold = 20,
  kPageOut = 21, kPopulateRead = 22, kPopulateWrite = 23, kDontNeedLocked = 24,
};

bool is_known(std::int32_t advice) {
  return (advice >= kNormal && advice <= kDontNeed) || (advice >= kFree && advice <= kDontNeedLocked);
}

}  // namespace

Result<void> AddressSpace::advise(VirtAddr address, std::uint64_t size, std::int32_t advice) {
  ASSERT_MAY_BLOCK();
  if (!is_known(advice) || !address.is_page_aligned()) return Errno::kEINVAL;
  const std::uint64_t length = align_up(size, kPageSize);
  if ((size != 0 && length == 0) || address.value() + length < address.value()) {
    return Errno::kEINVAL;
  }
  if (length == 0) return {};
  const VirtAddr end = address + length;
  switch (advice) {
    case kDontNeed:
    case kDontNeedLocked:
    case kFree: return discard(address, end, advice);
    case kRemove: return remove_backing(address, end);
    case kHugePage: return set_huge_pages(address, end, HugePages::kPreferred);
    case kNoHugePage: return set_huge_pages(address, end, HugePages::kNever);
    case kPopulateRead:
    case kPopulateWrite: return populate(address, end, advice);
    default: return check_mapped(address, end, advice);
  }
}

// Advice without effect here: only its errors remain.
Result<void> AddressSpace::check_mapped(VirtAddr begin, VirtAddr end, std::int32_t advice) {
  ReadGuard guard(lock_);
  bool hole = false;
  VirtAddr at = begin;
  for (const Region* region = regions_.first_ending_above(begin);
       region != nullptr && region->begin() < end; region = RegionTree::next(*region)) {
    hole |= region->begin() > at;
    if (advice == kWipeOnFork && !region->is_private_anonymous()) return Errno::kEINVAL;
    at = region->end();
  }
  if (hole || at < end) return Errno::kENOMEM;
  return {};
}

// MADV_DONTNEED and MADV_FREE: the frames go at once. FREE permits that (a later read may see zeroes or the
// old contents), and nothing is gained by waiting.
Result<void> AddressSpace::discard(VirtAddr begin, VirtAddr end, std::int32_t advice) {
  // Breaking up a 2 MiB page needs the lock exclusively; nearly always there is none in the way.
  if (inside_huge_page(begin) || inside_huge_page(end)) {
    RegionChange change(lock_);
    for (const VirtAddr at : {begin, end}) {
      const Region* region = regions_.find(at);
      if (region != nullptr && !region->properties.huge_tlb) {
        TRY(split_huge_page(*region, at, change.gather));
      }
    }
  }
  note_peak_resident();
  TlbGather gather;
  ReadGuard guard(lock_);
  bool hole = false;
  VirtAddr at = begin;
  for (const Region* region = regions_.first_ending_above(begin);
       region != nullptr && region->begin() < end; region = RegionTree::next(*region)) {
    hole |= region->begin() > at;
    if (advice == kFree && (!region->is_private_anonymous() || region->properties.huge_tlb)) {
      gather.flush();
      return Errno::kEINVAL;
    }
    const VirtAddr from = std::max(begin, region->begin());
    const VirtAddr to = std::min(end, region->end());
    if (!region->may_end_at(from) || !region->may_end_at(to)) {
      gather.flush();
      return Errno::kEINVAL;
    }
    // A 2 MiB page that came since, and reaches beyond these, stays whole.
    take_pages(*region, from, to, Discard::kAll, gather);
    at = region->end();
  }
  // With the lock still held: a region that went meanwhile would take its source along.
  gather.flush();
  if (hole || at < end) return Errno::kENOMEM;
  return {};
}

Result<void> AddressSpace::set_huge_pages(VirtAddr begin, VirtAddr end, HugePages preference) {
  RegionChange change(lock_);
  bool hole = false;
  VirtAddr at = begin;
  Region* region = regions_.first_ending_above(begin);
  while (at < end && region != nullptr && region->begin() < end) {
    hole |= region->begin() > at;
    const VirtAddr from = std::max(begin, region->begin());
    const VirtAddr to = std::min(end, region->end());
    if (region->properties.huge_tlb) return Errno::kEINVAL;
    if (region->properties.huge_pages != preference) {
      // A 2 MiB page that straddles the new bound keeps working; later changes split it.
      if (from > region->begin()) {
        TRY(split_huge_page(*region, from, change.gather));
      }
      if (to < region->end()) {
        TRY(split_huge_page(*region, to, change.gather));
      }
      region = TRY(isolate(*region, from, to));
      region->properties.huge_pages = preference;
      regions_changed();
      region = &merge_neighbours(*region, change);
    }
    at = to;
    region = regions_.first_ending_above(at);
  }
  if (hole || at < end) return Errno::kENOMEM;
  return {};
}

// MADV_REMOVE: a hole in the file behind a shared mapping.
Result<void> AddressSpace::remove_backing(VirtAddr begin, VirtAddr end) {
  for (VirtAddr at = begin; at < end;) {
    RefPtr<PageSource> source;
    std::uint64_t first = 0, count = 0;
    {
      ReadGuard guard(lock_);
      const Region* region = regions_.find(at);
      if (region == nullptr) return Errno::kENOMEM;
      if (!region->source) return Errno::kEINVAL;
      if (region->is_private() || !permits(region->properties.protection, Protection::kWrite)) {
        return Errno::kEACCES;
      }
      const VirtAddr stop = std::min(end, region->end());
      if (!region->may_end_at(at) || !region->may_end_at(stop)) return Errno::kEINVAL;
      source = region->source;
      first = region->source_page(at);
      count = (stop - at) >> kPageShift;
      at = stop;
    }
    TRY(source->punch_hole(first, count));
  }
  return {};
}

// MADV_POPULATE_READ and MADV_POPULATE_WRITE.
Result<void> AddressSpace::populate(VirtAddr begin, VirtAddr end, std::int32_t advice) {
  const FaultAccess access = advice == kPopulateWrite ? FaultAccess::kWrite : FaultAccess::kRead;
  for (VirtAddr at = begin; at < end; at += kPageSize) {
    switch (handle_fault(at, access)) {
      case FaultOutcome::kResolved: break;
      case FaultOutcome::kNotMapped: return Errno::kENOMEM;
      case FaultOutcome::kNotPermitted: return Errno::kEINVAL;
      case FaultOutcome::kBusError: return Errno::kEFAULT;
      case FaultOutcome::kOutOfMemory: return Errno::kENOMEM;
    }
  }
  return {};
}

// MAP_POPULATE: as far as it goes; failure is no error.
void AddressSpace::populate_new(VirtAddr begin, VirtAddr end) {
  RegionInformation region;
  if (!find_region(begin, region) || region.protection == Protection::kNone) return;
  // A private file mapping is read, not copied, ahead of use.
  const bool write = permits(region.protection, Protection::kWrite) && region.source == nullptr &&
                     region.sharing == Sharing::kPrivate;
  for (VirtAddr at = begin; at < end; at += kPageSize) {
    const FaultOutcome outcome =
        handle_fault(at, write ? FaultAccess::kWrite : FaultAccess::kRead);
    if (outcome != FaultOutcome::kResolved) return;
  }
}

}  // namespace mokapot
