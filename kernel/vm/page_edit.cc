// SPDX-License-Identifier: Apache-2.0
//
// See page_edit.h.
#include "vm/page_edit.h"

#include <algorithm>

#include "memory/page_table.h"
#include "vm/code_pages.h"
#include "vm/pressure.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

VirtAddr huge_end(VirtAddr address) {
  return VirtAddr(align_down(address.value(), kHugePageSize) + kHugePageSize);
}

bool covers_huge_page(VirtAddr begin, VirtAddr end) {
  return is_aligned(begin.value(), kHugePageSize) && huge_end(begin) <= end;
}

// Replaces an entry, taking along the accessed and dirty bits that processors set meanwhile.
// change(entry) gives the new entry. Returns what was replaced.
template <typename Change>
Entry update_entry(PageTableSlot& slot, Change change, Entry& replacement) {
  std::uint64_t raw = slot.load(std::memory_order_relaxed);
  while (true) {
    replacement = change(Entry(raw));
    if (slot.compare_exchange_weak(raw, replacement.raw(), std::memory_order_acq_rel)) {
      return Entry(raw);
    }
  }
}

// Takes one page out if it is to go.
void take_entry(PageTableSlot& slot, VirtAddr address, int level, Discard what, PageSource* source,
                TlbGather& gather) {
  const Entry seen(slot);
  if (!seen.page(level) || (seen.owned() && what == Discard::kSourceOnly)) return;
  const Entry taken(slot.exchange(0, std::memory_order_acq_rel));
  if (taken.page(level)) gather.take_page(address, taken, level, source);
}

void protect_entry(PageTableSlot& slot, VirtAddr address, int level, Protection protection,
                   TlbGather& gather) {
  if (!Entry(slot).page(level)) return;
  Entry replacement(0);
  const Entry old = update_entry(
      slot,
      [&](Entry entry) {
        return entry.page(level) ? entry.with_protection(rights_unasked(protection), level) : entry;
      },
      replacement);
  if (old.revoked_by(replacement)) gather.invalidate(address);
}

// Calls visit(slot, address, level) for each entry in use; what it maps is level's. visit answers false
// to stop, and the walk returns the address that it stopped at.
template <typename Visit>
VirtAddr for_each_entry(VirtAddr begin, VirtAddr end, Visit visit) {
  VirtAddr at = begin;
  while (PageTableSlot* upper = next_used_slot(at, end)) {
    const VirtAddr stop = std::min(huge_end(at), end);
    const Entry entry(*upper);
    if (entry.table(1)) {
      PageTableSlot* slots = page_table_slots(entry.frame());
      for (; at < stop; at += kPageSize) {
        PageTableSlot& slot = slots[arch::table_index(at, 0)];
        if (slot.load(std::memory_order_relaxed) != 0 && !visit(slot, at, 0)) return at;
      }
    } else if (!entry.empty() && !visit(*upper, at, 1)) {
      return at;
    }
    at = stop;
  }
  return end;
}

}  // namespace

SourceLock::SourceLock(PageSource* source) NO_THREAD_SAFETY_ANALYSIS {
  if (source != nullptr) guard_.emplace(source->mappings_->lock);
}
SourceLock::~SourceLock() NO_THREAD_SAFETY_ANALYSIS { guard_.reset(); }

VirtAddr take_pages_locked(PageSource* source, VirtAddr begin, VirtAddr end, Discard what, TlbGather& gather) {
  return for_each_entry(begin, end, [&](PageTableSlot& slot, VirtAddr address, int level) {
    if (!gather.room()) return false;
    // A 2 MiB page that a fault made since the caller looked for such at the bounds: more than was asked for lies in
    // it, and what was asked for was not there when the call began.
    if (level == 1 && source == nullptr && !covers_huge_page(address, end)) return true;
    take_entry(slot, address, level, what, source, gather);
    return true;
  });
}

void take_pages(const Region& region, VirtAddr begin, VirtAddr end, Discard what, TlbGather& gather) {
  VirtAddr at = begin;
  while (true) {
    {
      SourceLock lock(region.source.get());
      at = take_pages_locked(region.source.get(), at, end, what, gather);
    }
    if (at >= end) return;
    gather.flush();
  }
}

void protect_pages(VirtAddr begin, VirtAddr end, Protection protection, TlbGather& gather) {
  for_each_entry(begin, end, [&](PageTableSlot& slot, VirtAddr address, int level) {
    protect_entry(slot, address, level, protection, gather);
    return true;
  });
}

Result<PageTableSlot*> page_table_slot_reclaiming(VirtAddr address, int level) {
  while (true) {
    Result<PageTableSlot*> slot = page_table_slot(address, level);
    if (slot.ok() || slot.error() != Errno::kENOMEM) return slot;
    if (reclaim_frames(kReclaimBatch) == 0) return slot;
  }
}

bool inside_huge_page(VirtAddr address) {
  if (is_aligned(address.value(), kHugePageSize)) return false;
  const PageTableSlot* upper = existing_page_table_slot(address, 1);
  return upper != nullptr && Entry(*upper).page(1);
}

Result<void> split_huge_page(const Region& region, VirtAddr address, TlbGather& gather) {
  if (!inside_huge_page(address)) return {};
  PageTableSlot* upper = existing_page_table_slot(address, 1);
  const PhysAddr table =
      TRY(allocate_frame_reclaiming(FrameUse::kPageTable, FrameContents::kZeroed));
  PageTableSlot* slots = page_table_slots(table);
  // A source may take the page back at any time, but not with its lock in our hands.
  SourceLock lock(region.source.get());
  const Entry whole(*upper);
  if (!whole.page(1)) {
    free_frame(table);
    return {};
  }
  if (whole.owned()) {
    // The records first: an entry of the new table may be taken out, and its frame freed, at once. A source's
    // frames are single ones already, and each part takes over the reference that the whole held for it.
    split_allocated_block(whole.frame(), kHugeFrameOrder);
    count_huge_pages(-1);
  }
  Entry replacement(0);
  update_entry(
      *upper,
      [&](Entry huge) {
        for (std::uint64_t i = 0; i < arch::kEntriesPerTable; ++i) {
          slots[i].store(huge.part(i, rights_unasked(region.properties.protection)).raw(), std::memory_order_relaxed);
        }
        return Entry(arch::PageTableEntry::table(table).raw());
      },
      replacement);
  gather.invalidate(VirtAddr(align_down(address.value(), kHugePageSize)));
  return {};
}

Result<void> move_pages(const Region& region, VirtAddr from, VirtAddr to, std::uint64_t size,
                        TlbGather& gather) {
  const VirtAddr end = from + size;
  const bool whole = (from.value() - to.value()) % kHugePageSize == 0;
  // First everything that can fail: tables on the other side, and splits.
  for (VirtAddr at = from; PageTableSlot* upper = next_used_slot(at, end);) {
    const VirtAddr stop = std::min(huge_end(at), end);
    const bool huge = Entry(*upper).page(1);
    if (huge && !whole) {
      TRY(split_huge_page(region, VirtAddr(align_down(at.value(), kHugePageSize)) + kPageSize, gather));
    }
    // The stretch may straddle two tables on the other side.
    const int level = huge && whole ? 1 : 0;
    TRY(page_table_slot_reclaiming(to + (at - from), level));
    TRY(page_table_slot_reclaiming(to + ((stop - kPageSize) - from), level));
    at = stop;
  }
  for (VirtAddr at = from; at < end;) {
    // A source that takes pages back sees each of them at its old place or at its new one.
    SourceLock lock(region.source.get());
    const VirtAddr stop = std::min(huge_end(at), end);
    at = for_each_entry(at, stop, [&](PageTableSlot& slot, VirtAddr address, int level) {
      const Entry entry(slot.exchange(0, std::memory_order_acq_rel));
      if (entry.accessed()) gather.invalidate(address);
      PageTableSlot* target = existing_page_table_slot(to + (address - from), level);
      ASSERT(target != nullptr && Entry(*target).empty());
      target->store(entry.raw(), std::memory_order_release);
      return true;
    });
  }
  return {};
}

}  // namespace mokapot
