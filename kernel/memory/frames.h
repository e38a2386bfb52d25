// SPDX-License-Identifier: Apache-2.0
//
// Physical memory: a buddy allocator of 4 KiB frames with per-CPU caches, and one Frame record for each
// frame. All physical memory is mapped in the direct map, so a frame's contents are always reachable.
//
// Boot order: initialise_frames, initialise_heap (memory/heap.h); then everything else of this folder works.
// Kernel stacks and device windows (memory/page_table.h) need the root table with the kernel's half.
//
// Lock: one spinlock (rank kFrames), interrupts may be off. Contexts: thread, no-preempt and interrupt;
// never blocks. Reclaim on exhaustion is the caller's (vm/pressure.h), above this layer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/intrusive.h"
#include "base/result.h"
#include "base/types.h"

namespace mokapot {

// What a frame is used for: the out-of-memory report and /proc/meminfo count by it.
enum class FrameUse : std::uint8_t {
  kFree, kKernel, kPageTable, kKernelStack, kHeap, kAnonymous, kPageCache, kTmpfs, kHugeTlb, kDevice, kReserved,
  kCount
};
enum class FrameContents : std::uint8_t { kZeroed, kUninitialised };

inline constexpr unsigned kMaxFrameOrder = 10;  // 4 MiB
inline constexpr unsigned kHugeFrameOrder = 9;  // 2 MiB

// Record of one frame. list_hook and the two words belong to the current owner of the frame.
struct Frame {
  ListHook list_hook;                     // free list, or the owner's list (page cache recency, ...)
  std::atomic<std::uint32_t> references;  // page cache: mappings and users; 0 for others
  FrameUse use;
  std::uint8_t order;                     // of the free or allocated block that begins here
  std::uint8_t flags;                     // owner's
  std::uint8_t allocator_flags;           // the frame allocator's own, see buddy.h
  void* owner;                            // e.g. the page cache's file object
  std::uint64_t index;                    // e.g. the page's number in that file
};

// A range of usable memory, from the boot loader's map.
struct MemoryRange {
  PhysAddr begin;
  PhysAddr end;
};

// Boot step: takes over the usable ranges (ascending, not overlapping; the kernel image, the initrd and
// the boot page tables are already cut out). The direct map must cover all of them.
void initialise_frames(const MemoryRange* ranges, std::size_t count);
// Later: memory that boot had kept back (initrd, init data).
void add_memory(MemoryRange range);

Result<PhysAddr> allocate_frame(FrameUse use, FrameContents contents);
Result<PhysAddr> allocate_frames(unsigned order, FrameUse use, FrameContents contents);
void free_frame(PhysAddr frame);
void free_frames(PhysAddr frame, unsigned order);
// Makes an allocated block into 2^order single frames, each of which is freed on its own from then on.
void split_allocated_block(PhysAddr frame, unsigned order);

// Clears one free frame for later use, if the pool of such frames is not full and a frame that has been
// used before is at hand. False: nothing to do. For the idle loop; thread context.
bool prepare_zeroed_frame();

Frame& frame_at(PhysAddr address);
PhysAddr address_of(const Frame& frame);
bool is_managed(PhysAddr address);  // has a Frame record

// Read-only memory of a device that the direct map has, too. Boot only, before anybody cites that memory. kENOSPC past
// kMostDeviceRanges.
inline constexpr std::size_t kMostDeviceRanges = 8;
Result<void> add_device_memory(MemoryRange range);
// Whether what lies there in the direct map has a physical address by which devices can read it.
bool is_readable_by_devices(PhysAddr address);

// Direct map.
inline constexpr std::uint64_t kDirectMapBase = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kDirectMapSize = std::uint64_t{1} << 46;  // of physical addresses, up to the kernel's area
#ifdef MOKAPOT_HOST_TEST
void* direct_map(PhysAddr address);
PhysAddr from_direct_map(const void* pointer);
#else
inline void* direct_map(PhysAddr address) { return VirtAddr(kDirectMapBase + address.value()).as<void>(); }
inline PhysAddr from_direct_map(const void* pointer) {
  return PhysAddr(VirtAddr(pointer).value() - kDirectMapBase);
}
#endif

struct FrameStatistics {
  std::uint64_t total_frames;                                          // managed
  std::uint64_t free_frames;
  std::uint64_t used_by[static_cast<std::size_t>(FrameUse::kCount)];
};
FrameStatistics frame_statistics();
// Both cheap, for decisions on fast paths; the first leaves out what per-CPU caches hold.
std::uint64_t free_frame_estimate();
std::uint64_t total_frame_count();
void change_frame_use(PhysAddr frame, FrameUse use);

}  // namespace mokapot
