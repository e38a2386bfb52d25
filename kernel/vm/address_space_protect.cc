// SPDX-License-Identifier: Apache-2.0
//
// mprotect. See address_space.h.
#include <algorithm>

#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/page_edit.h"
#include "vm/region_change.h"

namespace mokapot {

// As Linux does, region by region: what comes before a hole or a refusal is changed and stays so.
Result<void> AddressSpace::protect(VirtAddr address, std::uint64_t size, Protection protection) {
  ASSERT_MAY_BLOCK();
  if (!address.is_page_aligned()) return Errno::kEINVAL;
  if (size == 0) return {};
  const std::uint64_t length = align_up(size, kPageSize);
  if (length == 0 || address.value() + length < address.value()) return Errno::kENOMEM;
  const VirtAddr end = address + length;

  RegionChange change(lock_);
  Region* region = regions_.find(address);
  for (VirtAddr at = address; at < end;) {
    if (region == nullptr || region->begin() > at) return Errno::kENOMEM;
    const VirtAddr stop = std::min(end, region->end());
    if (region->properties.protection != protection) {
      if (!region->may_end_at(at) || !region->may_end_at(stop)) return Errno::kEINVAL;
      if (!permits(region->properties.maximum, protection)) return Errno::kEACCES;
      TRY(check_commitment(stop - at, protection, region->properties.sharing,
                           region->properties.no_reserve));
      if (at > region->begin()) {
        TRY(split_huge_page(*region, at, change.gather));
      }
      if (stop < region->end()) {
        TRY(split_huge_page(*region, stop, change.gather));
      }
      RegionProperties properties = region->properties;
      properties.protection = protection;
      if (region->patch && permits(protection, Protection::kWrite)) {
        // Who may write to text may write to a part of what a patch has put there: it sees, from now on, the file's.
        properties.keeps_text = true;
        // Nobody executes what changes.
        protect_pages(at, stop, Protection::kRead, change.gather);
        change.gather.flush();
        revert_patches(*region, at, stop);
      }
      if (at == region->begin() && give_to_previous(*region, stop, properties)) {
        protect_pages(at, stop, protection, change.gather);
        return {};  // the region goes on beyond stop, so stop is the end
      }
      region = TRY(isolate(*region, at, stop));
      region->properties = properties;
      protect_pages(at, stop, protection, change.gather);
      regions_changed();
    }
    region = &merge_neighbours(*region, change);
    at = stop;
    if (region->end() <= at) region = RegionTree::next(*region);
  }
  return {};
}

}  // namespace mokapot
