// SPDX-License-Identifier: Apache-2.0
//
// Walking and editing the one page table. This layer knows entries, not policies: callers hold
// the lock that covers the range (vm's page-table locks, or the kernel virtual area's).
// Table pages are made on demand and freed by free_empty_tables.
#pragma once

#include <atomic>
#include <cstdint>

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

// Maps [physical, physical + size) for the kernel (device registers, stacks, image). No TLB flush needed
// for fresh mappings. Page aligned.
Result<void> map_kernel_range(VirtAddr address, PhysAddr physical, std::uint64_t size,
                              arch::PageProtection protection);
void unmap_kernel_range(VirtAddr address, std::uint64_t size);  // caller flushes

// Kernel virtual area (ffff_c000...): a window on device registers, uncached; never returned.
Result<void*> map_device(PhysAddr registers, std::uint64_t size);

// A thread's kernel stack with an unmapped guard page below. bottom is the lowest usable address.
inline constexpr std::uint64_t kKernelStackSize = 16 * 1024;
struct KernelStack {
  VirtAddr bottom;
  VirtAddr top;
};
Result<KernelStack> allocate_kernel_stack();
void free_kernel_stack(KernelStack stack);  // kept for reuse, so that no TLB shootdown is needed

}  // namespace mokapot
