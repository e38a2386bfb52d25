// SPDX-License-Identifier: Apache-2.0
//
// Walking and editing the one page table. This layer knows entries, not policies: callers hold
// the lock that covers the range (vm's page-table locks, or the kernel virtual area's).
// Table pages are made on demand and freed by free_empty_tables.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/context.h"
#include "arch/paging.h"
#include "base/result.h"
#include "base/types.h"

namespace mokapot {

using PageTableSlot = std::atomic<std::uint64_t>;

// The slot for address at level (0: 4 KiB, 1: 2 MiB), with the tables above it made if need be.
// kEEXIST if a larger leaf is in the way. Tables made concurrently by two CPUs are reconciled here.
Result<PageTableSlot*> page_table_slot(VirtAddr address, int level);
// The slot of the leaf (or of the empty entry) that decides address, without making tables.
struct FoundSlot {
  PageTableSlot* slot;  // nullptr if not even an intermediate table is there
  int level;
};
FoundSlot find_page_table_slot(VirtAddr address);
// The slot at level if the tables above it are there; nullptr otherwise, also where a larger leaf decides.
PageTableSlot* existing_page_table_slot(VirtAddr address, int level);
// The first entry in use at level 1 (a table, or a leaf of any kind) that serves addresses in [address, end);
// nullptr if there is none. address moves up to where that entry begins, if it began below. Holes cost one step
// for each table that is missing, so terabytes without tables are passed at once.
PageTableSlot* next_used_slot(VirtAddr& address, VirtAddr end);
// The 512 slots of a table page.
PageTableSlot* page_table_slots(PhysAddr table);

// Takes out the table pages that [begin, end) needed and nothing in [free_begin, free_end) around it needs:
// nothing is mapped there or will be while this runs. The pages may be freed only after a TLB flush
// (processors cache upper entries too): they are handed to retire, linked to nothing.
struct FreeStretch {
  VirtAddr begin, end;            // what was unmapped
  VirtAddr free_begin, free_end;  // how far nothing is mapped around it
};
void free_empty_tables(const FreeStretch& stretch, void (*retire)(PhysAddr table, void* context),
                       void* context);

// Maps [physical, physical + size) for the kernel (device registers, stacks, memory of devices), by pages of 2 MiB where
// both addresses are multiples of that. No TLB flush needed for fresh mappings. Page aligned.
Result<void> map_kernel_range(VirtAddr address, PhysAddr physical, std::uint64_t size,
                              arch::PageProtection protection);
void unmap_kernel_range(VirtAddr address, std::uint64_t size);  // pages of 4 KiB; caller flushes

// Kernel virtual area (ffff_c000...): a window on device registers, uncached; never returned.
Result<void*> map_device(PhysAddr registers, std::uint64_t size);

// A thread's kernel stack with an unmapped guard page below. bottom is the lowest usable address.
inline constexpr std::uint64_t kKernelStackSize = 16 * 1024;
using KernelStack = arch::StackRange;
Result<KernelStack> allocate_kernel_stack();
void free_kernel_stack(KernelStack stack);  // kept for reuse, so that no TLB shootdown is needed
// How much of any freed stack was in use at the most, in bytes. Checking builds (MOKAPOT_DEBUG); else zero.
std::uint64_t deepest_kernel_stack();
// The same of one that is in use.
std::uint64_t used_depth(KernelStack stack);
// Unmaps up to count unused stacks. The caller flushes [begin, end) of each on every CPU, then frees the
// frames with free_unmapped_stack.
struct UnmappedStack {
  VirtAddr begin;
  VirtAddr end;
  PhysAddr frames[kKernelStackSize / kPageSize];
};
std::size_t unmap_unused_stacks(UnmappedStack* stacks, std::size_t count);
void free_unmapped_stack(const UnmappedStack& stack);
std::size_t unused_stack_count();

}  // namespace mokapot
