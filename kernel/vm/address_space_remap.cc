// SPDX-License-Identifier: Apache-2.0
//
// mremap. Growing in place changes a bound; moving moves page-table entries, never bytes. The order of the
// checks is Linux's. See address_space.h.
#include <algorithm>

#include "memory/page_table.h"
#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/page_edit.h"
#include "vm/region_change.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kMayMove = 1, kFixed = 2, kDontUnmap = 4;

bool fits_below_end(VirtAddr address, std::uint64_t size) {
  return size <= kApplicationEnd && address.value() <= kApplicationEnd - size;
}

}  // namespace

Result<void> AddressSpace::grow_in_place(Region& region, std::uint64_t more, RegionChange& change) {
  TRY(check_commitment(more, region.properties.protection, region.properties.sharing,
                       region.properties.no_reserve));
  {
    SourceLock lock(region.source.get());
    regions_.set_bounds(region, region.begin(), region.end() + more);
  }
  count_mapped(static_cast<std::int64_t>(more));
  regions_changed();
  merge_neighbours(region, change);
  return {};
}

// Makes the mapping of [old_address, old_address + old_size) in region appear at new_address, new_size long,
// where nothing is mapped. old_size 0 makes a second view of shared memory.
Result<VirtAddr> AddressSpace::move_mapping(Region& region, VirtAddr old_address,
                                            std::uint64_t old_size, std::uint64_t new_size,
                                            VirtAddr new_address, std::uint32_t flags,
                                            RegionChange& change) {
  const VirtAddr old_end = old_address + old_size;
  TRY(check_commitment(new_size > old_size ? new_size - old_size : 0,
                       region.properties.protection, region.properties.sharing,
                       region.properties.no_reserve));
  if (old_size > 0) {
    TRY(split_huge_page(region, old_address, change.gather));
    TRY(split_huge_page(region, old_end, change.gather));
  }
  Region* moved =
      TRY(insert_region(new_address, new_address + new_size, region.properties, region.source,
                        region.source_offset + (old_address - region.begin())));
  if (region.patch) revert_patches(region, old_address, old_end);
  Result<void> done = move_pages(region, old_address, new_address, old_size, change.gather);
  if (!done.ok()) {
    remove_region(*moved, change);
    free_tables_around(new_address, new_address + new_size, change);
    return done.error();
  }
  merge_neighbours(*moved, change);
  if (old_size == 0 || (flags & kDontUnmap) != 0) return new_address;
  // Its pages are gone already; what is left are the bounds, and tables. If there is no memory to split
  // the region, an empty piece of the old mapping stays, as on Linux.
  (void)unmap_locked(old_address, old_end, change).ok();
  return new_address;
}

Result<VirtAddr> AddressSpace::remap(VirtAddr old_address, std::uint64_t old_size,
                                     std::uint64_t new_size, std::uint32_t flags,
                                     VirtAddr new_address) {
  ASSERT_MAY_BLOCK();
  const bool fixed = (flags & kFixed) != 0, keep_old = (flags & kDontUnmap) != 0;
  const bool may_move = (flags & kMayMove) != 0;
  if ((flags & ~(kMayMove | kFixed | kDontUnmap)) != 0) return Errno::kEINVAL;
  if ((fixed || keep_old) && !may_move) return Errno::kEINVAL;
  if (keep_old && old_size != new_size) return Errno::kEINVAL;
  if (!old_address.is_page_aligned()) return Errno::kEINVAL;
  old_size = align_up(old_size, kPageSize);
  new_size = align_up(new_size, kPageSize);
  if (new_size == 0) return Errno::kEINVAL;

  RegionChange change(lock_);
  Region* region = regions_.find(old_address);
  if (region == nullptr) return Errno::kEFAULT;
  if (region->properties.huge_tlb) return Errno::kEINVAL;

  if (fixed) {
    if (!new_address.is_page_aligned() || !fits_below_end(new_address, new_size)) {
      return Errno::kEINVAL;
    }
    if (old_address + old_size > new_address && new_address + new_size > old_address) {
      return Errno::kEINVAL;
    }
    if (new_address.value() < kApplicationBegin) return Errno::kEPERM;
    TRY(unmap_locked(new_address, new_address + new_size, change));
    region = regions_.find(old_address);  // a part of it may have been in the way
    if (region == nullptr) return Errno::kEFAULT;
  }
  // Shrinking: the tail goes first.
  if (!keep_old && old_size > new_size) {
    TRY(unmap_locked(old_address + new_size, old_address + old_size, change));
    old_size = new_size;
    region = regions_.find(old_address);
  }
  if (!fixed && !keep_old && old_size == new_size) return old_address;

  if (old_size == 0 && region->is_private()) return Errno::kEINVAL;
  if (old_size > region->end() - old_address) return Errno::kEFAULT;

  if (!fixed && !keep_old) {
    const VirtAddr grown_end = old_address + new_size;
    if (old_size != 0 && old_address + old_size == region->end() &&
        fits_below_end(old_address, new_size) && regions_.is_free(region->end(), grown_end)) {
      TRY(grow_in_place(*region, new_size - old_size, change));
      return old_address;
    }
    if (!may_move) return Errno::kENOMEM;
  }
  if (!fixed) {
    MapRequest request;
    request.address = new_address;
    // Without MREMAP_FIXED only DONTUNMAP looks at the new address, as a hint.
    request.placement = keep_old && !new_address.is_null() ? Placement::kHint : Placement::kAnywhere;
    request.source = region->source;
    request.stack = region->properties.stack;
    new_address = TRY(choose_place(request, new_size));
  }
  return move_mapping(*region, old_address, old_size, new_size, new_address, flags, change);
}

}  // namespace mokapot
