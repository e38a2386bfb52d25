// SPDX-License-Identifier: Apache-2.0
//
// The kernel virtual area: thread stacks, each above a guard page that is never mapped, and windows on
// device registers. Addresses are handed out upwards and never returned; stacks are reused, so that a
// thread's end needs no TLB shootdown.
//
// Lock: one spinlock (rank kKernelVirtual). Contexts: thread and no-preempt.
#include <atomic>

#include "memory/frames.h"
#include "memory/heap.h"
#include "memory/page_table.h"
#include "memory/poison.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kStackArea = 0xffff'c000'0000'0000;
constexpr std::uint64_t kDeviceArea = 0xffff'c100'0000'0000;  // 1 TiB further up
constexpr std::uint64_t kStackSlot = kKernelStackSize + kPageSize;
constexpr std::uint64_t kStackPages = kKernelStackSize / kPageSize;

constinit SpinLock area_lock{LockRank::kKernelVirtual};
std::uint64_t next_stack GUARDED_BY(area_lock) = kStackArea;
std::uint64_t next_device GUARDED_BY(area_lock) = kDeviceArea;

// An unused stack that is still mapped: linked through the Frame record of its lowest page, whose index
// is the stack's address.
constinit Frame* unused_stacks GUARDED_BY(area_lock) = nullptr;
std::size_t unused_count GUARDED_BY(area_lock) = 0;
constinit std::atomic<std::uint64_t> deepest{0};

PhysAddr frame_of_page(VirtAddr address) {
  const PageTableSlot* slot = existing_page_table_slot(address, 0);
  ASSERT(slot != nullptr);
  return arch::PageTableEntry(slot->load(std::memory_order_relaxed)).frame();
}

Frame* take_unused_locked() REQUIRES(area_lock) {
  Frame* record = unused_stacks;
  if (record == nullptr) return nullptr;
  // SAFETY: free_kernel_stack stored a Frame there.
  unused_stacks = static_cast<Frame*>(record->owner);
  --unused_count;
  return record;
}

Result<void> map_stack_page(VirtAddr page) {
  const PhysAddr frame = TRY(allocate_frame(FrameUse::kKernelStack, FrameContents::kUninitialised));
  // Not a global page: the flush that covers its end may be one of everything that is not global.
  const Result<void> mapped = map_kernel_range(page, frame, kPageSize, {.write = true});
  if (!mapped.ok()) free_frame(frame);
  return mapped;
}

void free_pages_below(VirtAddr bottom, std::uint64_t pages) {
  for (std::uint64_t i = 0; i < pages; ++i) {
    const VirtAddr page = bottom + i * kPageSize;
    const PhysAddr frame = frame_of_page(page);
    unmap_kernel_range(page, kPageSize);
    free_frame(frame);
  }
}

// Checking builds paint a stack, and see by the paint that is left how deep it was used.
KernelStack painted(VirtAddr bottom) {
  poison(bottom.as<void>(), kKernelStackSize);
  return KernelStack{bottom, bottom + kKernelStackSize};
}

}  // namespace

std::uint64_t used_depth(KernelStack stack) {
  if constexpr (!kPoisonFreed) return 0;
  const auto* word = stack.bottom.as<const std::uint64_t>();
  const auto* end = stack.top.as<const std::uint64_t>();
  while (word < end && *word == kPoison) ++word;
  return static_cast<std::uint64_t>(end - word) * sizeof(*word);
}

std::uint64_t deepest_kernel_stack() { return deepest.load(std::memory_order_relaxed); }

Result<KernelStack> allocate_kernel_stack() {
  VirtAddr bottom;
  {
    SpinGuard guard(area_lock);
    if (Frame* record = take_unused_locked()) bottom = VirtAddr(record->index);
  }
  if (!bottom.is_null()) return painted(bottom);
  {
    SpinGuard guard(area_lock);
    bottom = VirtAddr(next_stack) + kPageSize;  // the guard page comes first
    next_stack += kStackSlot;
    ASSERT(next_stack < kDeviceArea);
  }
  for (std::uint64_t i = 0; i < kStackPages; ++i) {
    Result<void> mapped = map_stack_page(bottom + i * kPageSize);
    while (!mapped.ok() && reclaim_memory_if_allowed()) mapped = map_stack_page(bottom + i * kPageSize);
    if (!mapped.ok()) {
      // Never used, so no TLB holds any of it.
      free_pages_below(bottom, i);
      return Errno::kENOMEM;
    }
  }
  return painted(bottom);
}

void free_kernel_stack(KernelStack stack) {
  const std::uint64_t depth = used_depth(stack);
  std::uint64_t seen = deepest.load(std::memory_order_relaxed);
  while (depth > seen && !deepest.compare_exchange_weak(seen, depth, std::memory_order_relaxed)) {}
  Frame& record = frame_at(frame_of_page(stack.bottom));
  SpinGuard guard(area_lock);
  record.index = stack.bottom.value();
  record.owner = unused_stacks;
  unused_stacks = &record;
  ++unused_count;
}

std::size_t unmap_unused_stacks(UnmappedStack* stacks, std::size_t count) {
  std::size_t taken = 0;
  while (taken < count) {
    VirtAddr bottom;
    {
      SpinGuard guard(area_lock);
      Frame* record = take_unused_locked();
      if (record == nullptr) break;
      bottom = VirtAddr(record->index);
    }
    UnmappedStack& stack = stacks[taken++];
    stack.begin = bottom;
    stack.end = bottom + kKernelStackSize;
    for (std::uint64_t i = 0; i < kStackPages; ++i) {
      stack.frames[i] = frame_of_page(bottom + i * kPageSize);
    }
    unmap_kernel_range(bottom, kKernelStackSize);
  }
  return taken;
}

void free_unmapped_stack(const UnmappedStack& stack) {
  for (const PhysAddr frame : stack.frames) free_frame(frame);
}

std::size_t unused_stack_count() {
  SpinGuard guard(area_lock);
  return unused_count;
}

Result<void*> map_device(PhysAddr registers, std::uint64_t size) {
  const PhysAddr begin = registers.page_down();
  const std::uint64_t length = (registers + size).page_up() - begin;
  VirtAddr window;
  {
    SpinGuard guard(area_lock);
    window = VirtAddr(next_device);
    next_device += length + kPageSize;  // an unmapped page between windows
  }
  TRY(map_kernel_range(window, begin, length,
                       {.write = true, .cache = arch::CacheMode::kUncached, .global = true}));
  return VirtAddr(window + registers.page_offset()).as<void>();
}

}  // namespace mokapot
