// SPDX-License-Identifier: Apache-2.0
//
// See page_table.h. Tables are reached through the direct map. A new table is published by a
// compare-and-exchange, so that CPUs which populate neighbouring addresses need no common lock.
#include "memory/page_table.h"

#include <algorithm>

#include "memory/frames.h"

namespace mokapot {
namespace {

using arch::PageTableEntry;

constexpr int kTopLevel = arch::kPageTableLevels - 1;

constexpr std::uint64_t coverage(int level) {
  return kPageSize << (9 * static_cast<unsigned>(level));
}

PageTableSlot* slot_in(PhysAddr table, VirtAddr address, int level) {
  return page_table_slots(table) + arch::table_index(address, level);
}

// The table that slot refers to, made if it is empty.
Result<PhysAddr> table_below(PageTableSlot& slot, int level) {
  std::uint64_t raw = slot.load(std::memory_order_acquire);
  if (raw == 0) {
    const PhysAddr fresh = TRY(allocate_frame(FrameUse::kPageTable, FrameContents::kZeroed));
    // Release: whoever follows the entry sees a cleared table.
    if (slot.compare_exchange_strong(raw, PageTableEntry::table(fresh).raw(),
                                     std::memory_order_acq_rel)) {
      return fresh;
    }
    free_frame(fresh);  // another CPU made one meanwhile
  }
  const PageTableEntry entry(raw);
  if (!entry.present() || entry.is_leaf(level)) return Errno::kEEXIST;
  return entry.frame();
}

// Frees the tables below one table (at level, serving the addresses from base on) as the stretch permits.
void free_below(PhysAddr table, VirtAddr base, int level, const FreeStretch& stretch,
                void (*retire)(PhysAddr, void*), void* context) {
  PageTableSlot* slots = page_table_slots(table);
  const std::uint64_t step = coverage(level);
  const std::uint64_t first = stretch.begin > base ? (stretch.begin - base) / step : 0;
  for (std::uint64_t i = first; i < arch::kEntriesPerTable; ++i) {
    const VirtAddr from = base + i * step;
    if (from >= stretch.end) break;
    const PageTableEntry entry(slots[i].load(std::memory_order_relaxed));
    if (!entry.present() || entry.is_leaf(level)) continue;
    const bool free = from >= stretch.free_begin && from + step <= stretch.free_end;
    if (level > 1) {
      // A table that goes is searched whole: what is below it would be lost otherwise.
      const FreeStretch whole{from, from + step, stretch.free_begin, stretch.free_end};
      free_below(entry.frame(), from, level - 1, free ? whole : stretch, retire, context);
    }
    if (free) {
      slots[i].store(0, std::memory_order_relaxed);
      retire(entry.frame(), context);
    }
  }
}

}  // namespace

PageTableSlot* page_table_slots(PhysAddr table) {
  // SAFETY: a table page is 512 words, and atomic<uint64_t> has the layout of one.
  return static_cast<PageTableSlot*>(direct_map(table));
}

Result<PageTableSlot*> page_table_slot(VirtAddr address, int level) {
  PhysAddr table = arch::page_table_root();
  for (int at = kTopLevel; at > level; --at) {
    table = TRY(table_below(*slot_in(table, address, at), at));
  }
  return slot_in(table, address, level);
}

PageTableSlot* existing_page_table_slot(VirtAddr address, int level) {
  PhysAddr table = arch::page_table_root();
  for (int at = kTopLevel; at > level; --at) {
    const PageTableEntry entry(slot_in(table, address, at)->load(std::memory_order_acquire));
    if (!entry.present() || entry.is_leaf(at)) return nullptr;
    table = entry.frame();
  }
  return slot_in(table, address, level);
}

FoundSlot find_page_table_slot(VirtAddr address) {
  PhysAddr table = arch::page_table_root();
  for (int level = kTopLevel;; --level) {
    PageTableSlot* slot = slot_in(table, address, level);
    const PageTableEntry entry(slot->load(std::memory_order_acquire));
    if (level == 0 || entry.is_leaf(level)) return {slot, level};
    if (!entry.present()) return {nullptr, level};
    table = entry.frame();
  }
}

PageTableSlot* next_used_slot(VirtAddr& address, VirtAddr end) {
  while (address < end) {
    PhysAddr table = arch::page_table_root();
    int level = kTopLevel;
    bool missing = false;
    for (; level > 1 && !missing; --level) {
      const PageTableEntry entry(slot_in(table, address, level)->load(std::memory_order_acquire));
      missing = !entry.present() || entry.is_leaf(level);
      if (missing) {
        address = VirtAddr(align_down(address.value(), coverage(level)) + coverage(level));
      } else {
        table = entry.frame();
      }
    }
    if (missing) continue;
    PageTableSlot* slots = page_table_slots(table);
    for (std::uint64_t i = arch::table_index(address, 1); i < arch::kEntriesPerTable; ++i) {
      if (slots[i].load(std::memory_order_relaxed) != 0) return &slots[i];
      address = VirtAddr(align_down(address.value(), kHugePageSize) + kHugePageSize);
      if (address >= end) return nullptr;
    }
  }
  return nullptr;
}

Result<void> map_kernel_range(VirtAddr address, PhysAddr physical, std::uint64_t size,
                              arch::PageProtection protection) {
  ASSERT(address.is_page_aligned() && physical.is_page_aligned() && is_aligned(size, kPageSize));
  const bool huge = is_aligned(address.value() | physical.value(), kHugePageSize);
  for (std::uint64_t done = 0; done < size;) {
    const int level = huge && size - done >= kHugePageSize ? 1 : 0;
    PageTableSlot* slot = TRY(page_table_slot(address + done, level));
    slot->store(PageTableEntry::leaf(physical + done, protection, level).raw(),
                std::memory_order_release);
    done += level == 1 ? kHugePageSize : kPageSize;
  }
  return {};
}

void unmap_kernel_range(VirtAddr address, std::uint64_t size) {
  for (std::uint64_t done = 0; done < size; done += kPageSize) {
    PageTableSlot* slot = existing_page_table_slot(address + done, 0);
    if (slot != nullptr) slot->store(0, std::memory_order_relaxed);
  }
}

void free_empty_tables(const FreeStretch& stretch, void (*retire)(PhysAddr table, void* context),
                       void* context) {
  free_below(arch::page_table_root(), VirtAddr(), kTopLevel, stretch, retire, context);
}

}  // namespace mokapot
