// SPDX-License-Identifier: Apache-2.0
//
// See pressure.h. The application's own allocations leave the last frames to the kernel: a fault can
// wait for a reclaimer, an interrupt handler that needs a frame cannot.
//
// Locks: none. Reclaimers are registered at boot, before other CPUs run.
#include "vm/pressure.h"

#include <algorithm>

#include "base/format.h"
#include "memory/heap.h"
#include "memory/page_table.h"
#include "sync/context.h"
#include "trace/log.h"
#include "vm/tlb_gather.h"

namespace mokapot {
namespace {

constexpr std::size_t kMaxReclaimers = 8;
Reclaimer* reclaimers[kMaxReclaimers];
std::size_t reclaimer_count = 0;

// Frames that faults leave alone while anything can be reclaimed, and frames that they never take.
std::uint64_t low_frames() { return std::clamp<std::uint64_t>(total_frame_count() / 256, 32, 1024); }
constexpr std::uint64_t kLastFrames = 16;

// Kernel stacks of threads that ended are kept for the next; under pressure they go. The vm layer does
// this for memory/, which cannot reach the other CPUs' TLBs.
class StackReclaimer final : public Reclaimer {
 public:
  const char* name() const override { return "unused kernel stacks"; }
  std::uint64_t reclaim(std::uint64_t wanted) override {
    constexpr std::uint64_t kPages = kKernelStackSize / kPageSize;
    constexpr std::size_t kStacks = 8;
    UnmappedStack stacks[kStacks];
    const std::size_t count =
        unmap_unused_stacks(stacks, std::min<std::size_t>(kStacks, (wanted + kPages - 1) / kPages));
    {
      TlbGather gather;
      gather.include_idle_cpus();
      for (std::size_t i = 0; i < count; ++i) gather.invalidate_range(stacks[i].begin, stacks[i].end);
    }
    for (std::size_t i = 0; i < count; ++i) free_unmapped_stack(stacks[i]);
    return count * kPages;
  }
  std::uint64_t reclaimable() override {
    return unused_stack_count() * (kKernelStackSize / kPageSize);
  }
};
constinit StackReclaimer stack_reclaimer;

const char* use_name(FrameUse use) {
  switch (use) {
    case FrameUse::kFree: return "free";
    case FrameUse::kKernel: return "kernel";
    case FrameUse::kPageTable: return "page tables";
    case FrameUse::kKernelStack: return "kernel stacks";
    case FrameUse::kHeap: return "kernel heap";
    case FrameUse::kAnonymous: return "application";
    case FrameUse::kPageCache: return "page cache";
    case FrameUse::kTmpfs: return "files in memory";
    case FrameUse::kHugeTlb: return "MAP_HUGETLB";
    case FrameUse::kDevice: return "devices";
    case FrameUse::kReserved: return "reserved";
    case FrameUse::kCount: break;
  }
  return "?";
}

}  // namespace

void register_reclaimer(Reclaimer* reclaimer) {
  ASSERT(reclaimer_count < kMaxReclaimers);
  reclaimers[reclaimer_count++] = reclaimer;
  set_memory_reclaimer([] { return reclaim_frames(kReclaimBatch) != 0; });
}

std::uint64_t reclaim_frames(std::uint64_t wanted) {
  ASSERT_MAY_BLOCK();
  std::uint64_t got = 0;
  for (std::size_t i = 0; i < reclaimer_count && got < wanted; ++i) {
    got += reclaimers[i]->reclaim(wanted - got);
  }
  if (got < wanted) got += stack_reclaimer.reclaim(wanted - got);
  return got;
}

Result<PhysAddr> allocate_frame_reclaiming(FrameUse use, FrameContents contents) {
  while (true) {
    const std::uint64_t free = free_frame_estimate();
    if (free < low_frames()) [[unlikely]] {
      const std::uint64_t got = reclaim_frames(kReclaimBatch);
      if (got == 0 && free_frame_estimate() < kLastFrames) return Errno::kENOMEM;
    }
    Result<PhysAddr> frame = allocate_frame(use, contents);
    if (frame.ok()) return frame;
    if (reclaim_frames(kReclaimBatch) == 0) return Errno::kENOMEM;
  }
}

Result<PhysAddr> allocate_huge_block(FrameUse use, std::uint64_t keep_free) {
  if (free_frame_estimate() < keep_free + arch::kEntriesPerTable) return Errno::kENOMEM;
  return allocate_frames(kHugeFrameOrder, use, FrameContents::kZeroed);
}

Result<PhysAddr> allocate_huge_block_reclaiming(FrameUse use, FrameContents contents) {
  // Whoever asked for these pages by name gets them while anything can be taken from caches, but not the memory
  // that everything else lives on.
  const std::uint64_t kept =
      std::max<std::uint64_t>(total_frame_count() / 16, (std::uint64_t{16} << 20) >> kPageShift);
  while (true) {
    if (free_frame_estimate() >= kept + arch::kEntriesPerTable) {
      Result<PhysAddr> block = allocate_frames(kHugeFrameOrder, use, contents);
      if (block.ok()) return block;
    }
    // A whole block's worth at a time: frames in one piece come together only if many go.
    if (reclaim_frames(arch::kEntriesPerTable) == 0) return Errno::kENOMEM;
  }
}

bool huge_blocks_are_left(std::uint64_t count) {
  return count <= (free_frame_estimate() + reclaimable_frames()) / arch::kEntriesPerTable;
}

std::uint64_t reclaimable_frames() {
  std::uint64_t frames = stack_reclaimer.reclaimable();
  for (std::size_t i = 0; i < reclaimer_count; ++i) frames += reclaimers[i]->reclaimable();
  return frames;
}

bool memory_is_left(std::uint64_t fraction) {
  const std::uint64_t kept = std::max<std::uint64_t>(total_frame_count() / fraction, 256);
  const std::uint64_t free = free_frame_estimate();
  return free >= kept || free + reclaimable_frames() >= kept;
}

std::size_t describe_largest_holder(char* text, std::size_t size) {
  const FrameStatistics statistics = frame_statistics();
  auto largest = FrameUse::kAnonymous;
  for (std::size_t use = 0; use < static_cast<std::size_t>(FrameUse::kCount); ++use) {
    if (static_cast<FrameUse>(use) == FrameUse::kFree) continue;
    if (statistics.used_by[use] > statistics.used_by[static_cast<std::size_t>(largest)]) largest = static_cast<FrameUse>(use);
  }
  constexpr unsigned kPagesToMib = 8;
  return format_to(text, size, "%s: %llu of %llu MiB", use_name(largest),
                   static_cast<unsigned long long>(statistics.used_by[static_cast<std::size_t>(largest)] >> kPagesToMib),
                   static_cast<unsigned long long>(statistics.total_frames >> kPagesToMib));
}

void log_memory_holders() {
  const FrameStatistics statistics = frame_statistics();
  LOG_ERROR("memory: %llu KiB in all",
            static_cast<unsigned long long>(statistics.total_frames << 2));
  for (std::size_t use = 0; use < static_cast<std::size_t>(FrameUse::kCount); ++use) {
    if (statistics.used_by[use] == 0) continue;
    LOG_ERROR("memory: %10llu KiB %s",
              static_cast<unsigned long long>(statistics.used_by[use] << 2),
              use_name(static_cast<FrameUse>(use)));
  }
  for (std::size_t i = 0; i < reclaimer_count; ++i) {
    LOG_ERROR("memory: %10llu KiB can still be taken from: %s",
              static_cast<unsigned long long>(reclaimers[i]->reclaimable() << 2),
              reclaimers[i]->name());
  }
  LOG_ERROR("memory: %10zu KiB of the kernel heap are in use", heap_bytes_in_use() >> 10);
}

}  // namespace mokapot
