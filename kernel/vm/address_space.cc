// SPDX-License-Identifier: Apache-2.0
//
// The regions of the address space: placing, making, splitting, merging and removing them. mmap, munmap and
// brk are here. See address_space.h.
#include "vm/address_space.h"

#include <algorithm>
#include <new>

#include "base/global.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "sync/context.h"
#include "vm/page_edit.h"
#include "vm/region_change.h"
#include "vm/resident.h"
#include "vm/shared_memory.h"

namespace mokapot {
namespace {

// MAP_32BIT places in the second gigabyte, as Linux does.
constexpr VirtAddr kLow32Begin{0x4000'0000};
constexpr VirtAddr kLow32End{0x8000'0000};
constexpr int kPlacementRandomBits = 28;
constexpr VirtAddr kLowerHalfEnd{std::uint64_t{1} << 47};

Global<AddressSpace> the_address_space;

bool in_bounds(VirtAddr address, std::uint64_t size) {
  return address.value() >= kApplicationBegin && address.value() <= kApplicationEnd &&
         size <= kApplicationEnd - address.value();
}

}  // namespace

AddressSpace& address_space() { return *the_address_space; }

AddressSpace::AddressSpace(std::uint64_t random_seed)
    : mapping_top_(kApplicationEnd -
                   ((random_seed & ((std::uint64_t{1} << kPlacementRandomBits) - 1)) << kPageShift)) {}

Result<void> AddressSpace::initialise(std::uint64_t random_seed) {
  // The withdrawn form of an entry must be absent to this hardware, or PROT_NONE would grant access.
  const Entry withdrawn = Entry::make(PhysAddr(0), true, true, Protection::kNone, 0);
  ASSERT(withdrawn.withdrawn() && !withdrawn.mapped(0) && !withdrawn.mapped(1));
  the_address_space.construct(random_seed);
  return {};
}

void AddressSpace::regions_changed() {
  generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void AddressSpace::count_mapped(std::int64_t bytes) {
  mapped_bytes_ += static_cast<std::uint64_t>(bytes);
  peak_mapped_bytes_ = std::max(peak_mapped_bytes_, mapped_bytes_);
}

// What Linux's heuristic refuses without swap: a single private writable mapping beyond all memory.
Result<void> AddressSpace::check_commitment(std::uint64_t bytes, Protection protection,
                                            Sharing sharing, bool no_reserve) {
  if (no_reserve || sharing == Sharing::kShared || !permits(protection, Protection::kWrite)) {
    return {};
  }
  if (bytes >> kPageShift > total_frame_count()) return Errno::kENOMEM;
  return {};
}

// --- Making and removing regions -------------------------------------------------------------------

Result<Region*> AddressSpace::insert_region(VirtAddr begin, VirtAddr end,
                                            const RegionProperties& properties,
                                            const RefPtr<PageSource>& source,
                                            std::uint64_t source_offset) {
  // As Linux counts: a new mapping may be the one above, a split may not.
  if (regions_.size() > kMaxRegions) return Errno::kENOMEM;
  auto* region = new (std::nothrow) Region(begin, end);
  if (region == nullptr) return Errno::kENOMEM;
  region->properties = properties;
  region->source = source;
  region->source_offset = source_offset;
  regions_.insert(*region);
  if (source) {
    SourceLock lock(source.get());
    source->mappings_->regions.push_back(*region);
  }
  count_mapped(static_cast<std::int64_t>(end - begin));
  regions_changed();
  return region;
}

void AddressSpace::remove_region(Region& region, RegionChange& change) {
  if (region.source) {
    SourceLock lock(region.source.get());
    region.source->mappings_->regions.erase(region.source->mappings_->regions.iterator_to(region));
  }
  regions_.erase(region);
  if (region.properties.huge_tlb && !region.source) change.give_up_huge_blocks(region.size() / kHugePageSize);
  count_mapped(-static_cast<std::int64_t>(region.size()));
  regions_changed();
  change.doom(region);
}

// Makes two regions of one; returns the upper. The page table does not change.
Result<Region*> AddressSpace::split_region(Region& region, VirtAddr at) {
  if (regions_.size() >= kMaxRegions) return Errno::kENOMEM;
  auto* upper = new (std::nothrow) Region(at, region.end());
  if (upper == nullptr) return Errno::kENOMEM;
  upper->properties = region.properties;
  upper->source = region.source;
  upper->source_offset = region.source_offset + (at - region.begin());
  upper->patch = region.patch;
  {
    // The source must see each of its pages in one region or the other.
    SourceLock lock(region.source.get());
    regions_.set_bounds(region, region.begin(), at);
    regions_.insert(*upper);
    if (region.source) region.source->mappings_->regions.push_back(*upper);
  }
  regions_changed();
  return upper;
}

// Cuts region so that one region is exactly [begin, end), and returns that one.
Result<Region*> AddressSpace::isolate(Region& region, VirtAddr begin, VirtAddr end) {
  Region* middle = &region;
  if (begin > region.begin()) middle = TRY(split_region(region, begin));
  if (end < middle->end()) TRY(split_region(*middle, end));
  return middle;
}

// If the lower part of region, up to until, would agree with the region before it once it had the given
// properties, moves the bound between the two: as a malloc arena grows, without making or freeing a region.
bool AddressSpace::give_to_previous(Region& region, VirtAddr until,
                                    const RegionProperties& properties) {
  Region* before = RegionTree::previous(region);
  if (before == nullptr || before->end() != region.begin() || until >= region.end() ||
      before->properties != properties || before->source != region.source || before->patch != region.patch ||
      (region.source && before->source_offset + before->size() != region.source_offset)) {
    return false;
  }
  SourceLock lock(region.source.get());
  if (region.source) region.source_offset += until - region.begin();
  regions_.set_bounds(region, until, region.end());
  regions_.set_bounds(*before, before->begin(), until);
  regions_changed();
  return true;
}

Region& AddressSpace::absorb_next(Region& region, Region& following, RegionChange& change) {
  const VirtAddr end = following.end();
  {
    SourceLock lock(region.source.get());
    if (region.source) {
      region.source->mappings_->regions.erase(region.source->mappings_->regions.iterator_to(following));
    }
    regions_.erase(following);
    regions_.set_bounds(region, region.begin(), end);
  }
  regions_changed();
  change.doom(following);
  return region;
}

// Makes one region of neighbours that agree in everything; returns the region that holds region's range.
Region& AddressSpace::merge_neighbours(Region& region, RegionChange& change) {
  const auto agree = [](const Region& lower, const Region& upper) {
    return lower.end() == upper.begin() && lower.properties == upper.properties &&
           lower.source == upper.source && lower.patch == upper.patch &&
           (!lower.source || lower.source_offset + lower.size() == upper.source_offset);
  };
  Region* merged = &region;
  Region* following = RegionTree::next(*merged);
  if (following != nullptr && agree(*merged, *following)) absorb_next(*merged, *following, change);
  Region* before = RegionTree::previous(*merged);
  if (before != nullptr && agree(*before, *merged)) merged = &absorb_next(*before, *merged, change);
  return *merged;
}

void AddressSpace::free_tables_around(VirtAddr begin, VirtAddr end, RegionChange& change) {
  const Region* after = regions_.first_ending_above(begin);
  const Region* before = after != nullptr ? RegionTree::previous(*after) : regions_.last();
  const FreeStretch stretch{
      .begin = begin,
      .end = end,
      .free_begin = before != nullptr ? before->end() : VirtAddr(),
      .free_end = after != nullptr ? after->begin() : kLowerHalfEnd,  // not in the middle of a table
  };
  // Nearly always the neighbours share the first and the last table, and nothing can go.
  const VirtAddr first(std::max(align_down(begin.value(), kHugePageSize),
                                align_up(stretch.free_begin.value(), kHugePageSize)));
  if (first >= end || first + kHugePageSize > stretch.free_end) return;
  bool freed = false;
  struct Context {
    TlbGather& gather;
    bool& freed;
  } context{change.gather, freed};
  free_empty_tables(
      stretch,
      [](PhysAddr table, void* argument) {
        auto& [gather, any] = *static_cast<Context*>(argument);
        gather.free_after_flush(table);
        any = true;
      },
      &context);
  // Upper-level entries are cached too; flushing any one address drops them.
  if (freed) {
    change.gather.invalidate(begin);
    change.gather.include_idle_cpus();
  }
}

Result<void> AddressSpace::unmap_locked(VirtAddr begin, VirtAddr end, RegionChange& change) {
  Region* region = regions_.first_ending_above(begin);
  if (region == nullptr || region->begin() >= end) return {};
  // Everything that can fail comes first, so that a failure leaves the mapping as it was.
  const Region* at_end = regions_.find(end - 1);
  if ((region->contains(begin) && !region->may_end_at(begin)) || (at_end != nullptr && !at_end->may_end_at(end))) {
    return Errno::kEINVAL;
  }
  if (region->begin() < begin) {
    TRY(split_huge_page(*region, begin, change.gather));
    region = TRY(split_region(*region, begin));
  }
  if (Region* last = regions_.find(end - 1); last != nullptr && last->end() > end) {
    TRY(split_huge_page(*last, end, change.gather));
    TRY(split_region(*last, end));
  }
  note_peak_resident();
  VirtAddr used = begin;
  const bool had_tables = next_used_slot(used, end) != nullptr;
  while (region != nullptr && region->begin() < end) {
    Region* following = RegionTree::next(*region);
    if (had_tables) {
      take_pages(*region, region->begin(), region->end(), Discard::kAll, change.gather);
    }
    // The region's source lives until the gather has given its frames back: it dies after the flush.
    remove_region(*region, change);
    region = following;
  }
  free_tables_around(begin, end, change);
  return {};
}

// --- mmap -------------------------------------------------------------------------------------------

Result<VirtAddr> AddressSpace::choose_place(const MapRequest& request, std::uint64_t size) {
  VirtAddr place;
  const VirtAddr hint(align_down(request.address.value(), request.huge_tlb ? kHugePageSize : kPageSize));
  if (request.placement == Placement::kHint && in_bounds(hint, size) &&
      regions_.is_free(hint, hint + size)) {
    return hint;
  }
  if (request.placement == Placement::kLow32) {
    if (in_bounds(hint, size) && hint + size <= kLow32End && regions_.is_free(hint, hint + size)) {
      return hint;
    }
    const std::uint64_t alignment = request.huge_tlb ? kHugePageSize : kPageSize;
    if (regions_.find_place(size, kLow32Begin, kLow32End, alignment, place)) return place;
    return Errno::kENOMEM;
  }
  if (request.placement == Placement::kNear) {
    constexpr std::uint64_t kReach = std::uint64_t{1} << 30;
    const std::uint64_t at = request.address.value();
    const VirtAddr lowest(std::max(kApplicationBegin, at > kReach ? at - kReach : 0));
    if (regions_.find_place(size, lowest, request.address, kPageSize, place)) return place;
    const VirtAddr highest(std::min(kApplicationEnd, at + kReach));
    if (regions_.find_place(size, request.address, highest, kPageSize, place)) return place;
    return Errno::kENOMEM;
  }
  // Large anonymous memory and shared files lie where 2 MiB pages can, as long as that leaves room for all: a
  // file's address goes with the offset in it.
  const bool is_shared_file = request.source && request.sharing == Sharing::kShared;
  const bool wants_huge =
      request.huge_tlb || ((!request.source || is_shared_file) && !request.stack && size >= kHugePageSize);
  const std::uint64_t lead = request.source ? request.source_offset % kHugePageSize : 0;
  const VirtAddr low(kApplicationBegin);
  if (wants_huge && regions_.find_place(lead + size, low, mapping_top_, kHugePageSize, place)) return place + lead;
  if (request.huge_tlb) return Errno::kENOMEM;
  if (regions_.find_place(size, low, mapping_top_, kPageSize, place)) return place;
  // Above the random top as a last resort.
  if (regions_.find_place(size, low, VirtAddr(kApplicationEnd), kPageSize, place)) return place;
  return Errno::kENOMEM;
}

Result<VirtAddr> AddressSpace::map_locked(const MapRequest& request, std::uint64_t size,
                                          RegionChange& change) {
  VirtAddr place = request.address;
  if (request.placement == Placement::kFixed || request.placement == Placement::kFixedNoReplace) {
    if (request.placement == Placement::kFixedNoReplace && !regions_.is_free(place, place + size)) {
      return Errno::kEEXIST;
    }
    TRY(unmap_locked(place, place + size, change));
  } else {
    place = TRY(choose_place(request, size));
  }
  const RegionProperties properties{
      .protection = request.protection,
      .maximum = request.maximum,
      .sharing = request.sharing,
      .no_reserve = request.no_reserve,
      .stack = request.stack,
      .huge_tlb = request.huge_tlb,
      .name = request.name,
  };
  Region* region = TRY(
      insert_region(place, place + size, properties, request.source, request.source_offset));
  merge_neighbours(*region, change);
  return place;
}

Result<VirtAddr> AddressSpace::map(const MapRequest& request) {
  ASSERT_MAY_BLOCK();
  if (request.size == 0) return Errno::kEINVAL;
  const std::uint64_t size = align_up(request.size, request.huge_tlb ? kHugePageSize : kPageSize);
  if (size == 0 || size > kApplicationEnd) return Errno::kENOMEM;
  const bool fixed = request.placement == Placement::kFixed ||
                     request.placement == Placement::kFixedNoReplace;
  if (fixed) {
    if (!is_aligned(request.address.value(), request.huge_tlb ? kHugePageSize : kPageSize)) return Errno::kEINVAL;
    if (request.address.value() > kApplicationEnd - size) return Errno::kENOMEM;
    if (request.address.value() < kApplicationBegin) return Errno::kEPERM;  // vm.mmap_min_addr
  }
  TRY(check_commitment(size, request.protection, request.sharing, request.no_reserve));
  MapRequest complete = request;
  if (request.sharing == Sharing::kShared && !request.source) {
    complete.source = TRY(SharedMemory::create(size >> kPageShift));
    complete.source_offset = 0;
  }
  // Before the lock, since reclaimers may block.
  const std::uint64_t blocks = request.huge_tlb && !complete.source ? size / kHugePageSize : 0;
  TRY(reserve_huge_blocks(blocks));
  Result<VirtAddr> place = Errno::kENOMEM;
  {
    RegionChange change(lock_);
    place = map_locked(complete, size, change);
  }
  if (!place.ok()) release_huge_blocks(blocks);
  if (place.ok() && request.populate) populate_new(place.value(), place.value() + size);
  return place;
}

Result<void> AddressSpace::unmap(VirtAddr address, std::uint64_t size) {
  ASSERT_MAY_BLOCK();
  if (!address.is_page_aligned() || size == 0) return Errno::kEINVAL;
  if (address.value() > kApplicationEnd || size > kApplicationEnd - address.value()) {
    return Errno::kEINVAL;
  }
  RegionChange change(lock_);
  return unmap_locked(address, address + align_up(size, kPageSize), change);
}

// --- brk --------------------------------------------------------------------------------------------

void AddressSpace::set_break_start(VirtAddr start) {
  RegionChange change(lock_);
  break_start_ = break_ = start;
}

VirtAddr AddressSpace::set_break(VirtAddr address) {
  ASSERT_MAY_BLOCK();
  RegionChange change(lock_);
  if (address < break_start_ || !in_bounds(address, 0)) return break_;
  const VirtAddr old_end = break_.page_up();
  const VirtAddr new_end = address.page_up();
  if (new_end < old_end) {
    if (!unmap_locked(new_end, old_end, change).ok()) return break_;
  } else if (new_end > old_end) {
    const std::uint64_t size = new_end - old_end;
    MapRequest request;
    request.address = old_end;
    request.size = size;
    request.protection = Protection::kRead | Protection::kWrite;
    request.placement = Placement::kFixedNoReplace;
    request.name = "[heap]";
    // A page stays free above the break, so that it never runs into another mapping unnoticed.
    if (!in_bounds(new_end, kPageSize) || !regions_.is_free(old_end, new_end + kPageSize) ||
        !check_commitment(size, request.protection, Sharing::kPrivate, false).ok() ||
        !map_locked(request, size, change).ok()) {
      return break_;
    }
  }
  break_ = address;
  return break_;
}

}  // namespace mokapot
