// SPDX-License-Identifier: Apache-2.0
//
// Regions whose text is patched. See address_space.h and text_patch.h.
#include "memory/frames.h"
#include "memory/page_table.h"
#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/entry.h"
#include "vm/region_change.h"

namespace mokapot {

Result<void> AddressSpace::patch_text(VirtAddr address, std::uint64_t size, const RefPtr<TextPatch>& patch) {
  ASSERT_MAY_BLOCK();
  RegionChange change(lock_);
  const VirtAddr end = address + align_up(size, kPageSize);
  Region* region = regions_.find(address);
  if (region == nullptr || region->end() < end || !region->is_private() || !region->source || region->patch)
    return Errno::kENOENT;
  region = TRY(isolate(*region, address, end));
  region->patch = patch;
  regions_changed();
  return {};
}

void AddressSpace::unmap_named(VirtAddr address, std::uint64_t size, const char* name) {
  ASSERT_MAY_BLOCK();
  RegionChange change(lock_);
  const VirtAddr end = address + align_up(size, kPageSize);
  const Region* region = regions_.find(address);
  if (region == nullptr || region->begin() != address || region->end() != end || region->properties.name != name) return;
  (void)unmap_locked(address, end, change).ok();  // a whole region needs no memory to go
}

// Whoever moves text that runs has no other thread in it: nothing can be fetched that is half changed.
void AddressSpace::revert_patches(const Region& region, VirtAddr begin, VirtAddr end) {
  for (VirtAddr page = begin; page < end; page += kPageSize) {
    if (!region.patch->covers(page)) continue;
    const PageTableSlot* slot = existing_page_table_slot(page, 0);
    if (slot == nullptr) continue;
    const Entry entry(*slot);
    if (entry.page(0) && entry.owned())
      region.patch->revert(page, static_cast<std::byte*>(direct_map(entry.frame())));
  }
}

}  // namespace mokapot
