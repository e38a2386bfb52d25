// SPDX-License-Identifier: Apache-2.0
//
// What the address space says about itself: msync, mincore, /proc/self/maps and status, futex keys.
#include <algorithm>

#include "sync/context.h"
#include "vm/address_space.h"
#include "vm/entry.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kSyncAsync = 1, kSyncInvalidate = 2, kSyncNow = 4;  // MS_

AddressSpace::RegionInformation information_of(const Region& region) {
  return {
      .begin = region.begin(),
      .end = region.end(),
      .protection = region.properties.protection,
      .sharing = region.properties.sharing,
      .source_offset = region.source_offset,
      .source = region.source.get(),
      .huge_tlb = region.properties.huge_tlb,
      .name = region.properties.name,
  };
}

bool page_present(VirtAddr address) {
  const FoundSlot found = find_page_table_slot(address);
  return found.slot != nullptr && Entry(*found.slot).page(found.level);
}

}  // namespace

Result<void> AddressSpace::sync(VirtAddr address, std::uint64_t size, std::uint32_t flags) {
  ASSERT_MAY_BLOCK();
  if ((flags & ~(kSyncAsync | kSyncInvalidate | kSyncNow)) != 0) return Errno::kEINVAL;
  if (!address.is_page_aligned()) return Errno::kEINVAL;
  if ((flags & kSyncAsync) != 0 && (flags & kSyncNow) != 0) return Errno::kEINVAL;
  const std::uint64_t length = align_up(size, kPageSize);
  if (address.value() + length < address.value()) return Errno::kENOMEM;
  const VirtAddr end = address + length;
  bool hole = false;
  for (VirtAddr at = address; at < end;) {
    RefPtr<PageSource> source;
    std::uint64_t first = 0, count = 0;
    {
      ReadGuard guard(lock_);
      const Region* region = regions_.first_ending_above(at);
      if (region == nullptr || region->begin() >= end) return Errno::kENOMEM;
      hole |= region->begin() > at;
      at = std::max(at, region->begin());
      const VirtAddr stop = std::min(end, region->end());
      if (region->source && !region->is_private()) source = region->source;
      first = region->source_page(at);
      count = (stop - at) >> kPageShift;
      at = stop;
    }
    // Without the lock: the source's own locks come before ours.
    if (source && (flags & kSyncNow) != 0) TRY(source->write_back(first, count));
  }
  if (hole) return Errno::kENOMEM;
  return {};
}

Result<void> AddressSpace::residency(VirtAddr address, std::uint64_t size, std::uint8_t* vector) {
  ASSERT_MAY_BLOCK();
  ReadGuard guard(lock_);
  const VirtAddr end = address + align_up(size, kPageSize);
  const Region* region = regions_.find(address);
  for (VirtAddr at = address; at < end; at += kPageSize, ++vector) {
    if (region != nullptr && at >= region->end()) region = RegionTree::next(*region);
    if (region == nullptr || !region->contains(at)) return Errno::kENOMEM;
    bool resident = page_present(at);
    if (!resident && region->source) {
      const Result<PhysAddr> cached =
          region->source->cached_frame_for_mapping(region->source_page(at));
      resident = cached.ok();
      if (cached.ok()) region->source->release_frame(cached.value(), false);
    }
    *vector = resident ? 1 : 0;
  }
  return {};
}

Result<AddressSpace::SharedKey> AddressSpace::shared_key(VirtAddr address) {
  ASSERT_MAY_BLOCK();
  ReadGuard guard(lock_);
  const Region* region = regions_.find(address);
  if (region == nullptr || region->properties.protection == Protection::kNone) return Errno::kEFAULT;
  if (region->is_private()) return SharedKey{this, address.value()};
  return SharedKey{region->source.get(),
                   region->source_offset + (address - region->begin())};
}

void AddressSpace::for_each_region(void (*visit)(const RegionInformation& region, void* context),
                                   void* context) {
  ASSERT_MAY_BLOCK();
  ReadGuard guard(lock_);
  for (const Region* region = regions_.first(); region != nullptr;
       region = RegionTree::next(*region)) {
    visit(information_of(*region), context);
  }
}

bool AddressSpace::find_region(VirtAddr address, RegionInformation& region) {
  ASSERT_MAY_BLOCK();
  ReadGuard guard(lock_);
  const Region* found = regions_.find(address);
  if (found == nullptr) return false;
  region = information_of(*found);
  region.source = nullptr;
  return true;
}

void AddressSpace::describe_pages(VirtAddr address, std::span<PageInformation> pages) {
  ASSERT_MAY_BLOCK();
  ReadGuard guard(lock_);
  const Region* region = regions_.first_ending_above(address);
  for (PageInformation& page : pages) {
    page = {};
    while (region != nullptr && address >= region->end()) region = RegionTree::next(*region);
    if (region == nullptr) continue;  // nor is anything behind it
    if (region->contains(address)) {
      page.mapped = true;
      const FoundSlot found = find_page_table_slot(address);
      const Entry entry(found.slot != nullptr ? found.slot->load(std::memory_order_relaxed) : 0);
      if (found.slot != nullptr && entry.page(found.level)) {
        const std::uint64_t inside = found.level == 0 ? 0 : address.value() % kHugePageSize;
        page.present = true;
        page.owned = entry.owned();
        page.frame_number = (entry.frame().value() + inside) >> kPageShift;
      }
    }
    address += kPageSize;
  }
}

AddressSpace::Statistics AddressSpace::statistics() {
  ASSERT_MAY_BLOCK();
  const ResidentBytes resident = resident_bytes();
  ReadGuard guard(lock_);
  return {
      .mapped_bytes = mapped_bytes_,
      .peak_mapped_bytes = peak_mapped_bytes_,
      .resident_anonymous = resident.of[static_cast<std::size_t>(ResidentKind::kAnonymous)],
      .resident_file = resident.of[static_cast<std::size_t>(ResidentKind::kFile)],
      .resident_shared = resident.of[static_cast<std::size_t>(ResidentKind::kShared)],
      .peak_resident = resident.peak,
      .region_count = regions_.size(),
      .huge_pages = huge_page_count(),
      .faults_minor = minor_faults(),
      .faults_major = major_faults(),
  };
}

}  // namespace mokapot
