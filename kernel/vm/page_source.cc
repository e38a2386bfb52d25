// SPDX-License-Identifier: Apache-2.0
//
// Reverse mapping: from a file's pages to where they are mapped. See page_source.h.
#include "vm/page_source.h"

#include <algorithm>

#include "sync/context.h"
#include "vm/page_edit.h"
#include "vm/region.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

// The part of region that shows pages [first, first + count).
bool overlap(const Region& region, std::uint64_t first, std::uint64_t count, VirtAddr& begin,
             VirtAddr& end) {
  const std::uint64_t region_first = region.source_offset >> kPageShift;
  const std::uint64_t region_end = region_first + (region.size() >> kPageShift);
  const std::uint64_t last = count > ~first ? ~std::uint64_t{0} : first + count;
  const std::uint64_t from = std::max(first, region_first);
  const std::uint64_t to = std::min(last, region_end);
  if (from >= to) return false;
  begin = region.begin() + ((from - region_first) << kPageShift);
  end = region.begin() + ((to - region_first) << kPageShift);
  return true;
}

}  // namespace

bool PageSource::is_mapped() const {
  SpinGuard guard(mappings_->lock);
  return !mappings_->regions.empty();
}

void PageSource::unmap_pages(std::uint64_t first, std::uint64_t count, PrivateCopies copies) {
  ASSERT_MAY_BLOCK();
  const Discard what = copies == PrivateCopies::kDrop ? Discard::kAll : Discard::kSourceOnly;
  bool done = false;
  while (!done) {
    TlbGather gather;
    SpinGuard guard(mappings_->lock);
    // Faults that hold a frame which they got before this see the change, and ask again.
    mappings_->unmap_count.fetch_add(1, std::memory_order_acq_rel);
    done = true;
    for (MappingNode& node : mappings_->regions) {
      // SAFETY: only Regions derive from MappingNode.
      const Region& region = static_cast<const Region&>(node);
      // A file that lies over another takes back what it shows itself; what others show of the same one stays.
      if (mappings_ != &own_mappings_ && region.source.get() != this) continue;
      VirtAddr begin, end;
      if (!overlap(region, first, count, begin, end)) continue;
      // References come back to this source, which its caller keeps; the region's may go before the flush. Both see them
      // alike, since a frame counts its own.
      if (take_pages_locked(this, begin, end, what, gather) < end) {
        done = false;  // the gather is full: flush it without the lock, and look again
        break;
      }
    }
    // The guard goes first, then the gather flushes.
  }
}

}  // namespace mokapot
