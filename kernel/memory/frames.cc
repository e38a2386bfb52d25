// SPDX-License-Identifier: Apache-2.0
//
// The frame allocator: per-CPU caches of single frames and a pool of cleared ones in front of the
// buddy system. See frames.h.
//
// A CPU's cache and its counters are used with interrupts off, without a lock. The buddy system and the
// pool are under frames_lock.
#include "memory/frames.h"

#include <algorithm>

#include "arch/memory_copy.h"
#include "base/global.h"
#include "memory/buddy.h"
#include "memory/frame_map.h"
#include "memory/poison.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kUses = static_cast<std::size_t>(FrameUse::kCount);
constexpr std::uint32_t kCacheCapacity = 60;
constexpr std::uint32_t kPoolCapacity = 128;

// Page numbers fit 32 bits up to 16 TiB.
struct CpuFrames {
  std::uint32_t count = 0;
  std::uint32_t pages[kCacheCapacity] = {};
  // Frames taken minus frames given back on this CPU; the sum over CPUs is what is in use. Written by
  // this CPU only, read by others.
  std::atomic<std::int64_t> used[kUses] = {};
};

class ZeroedPool {
 public:
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  bool full() const { return count_.load(std::memory_order_relaxed) >= limit_; }
  // Small where memory is small: what lies here serves no block.
  void set_limit(std::uint64_t frames) { limit_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(frames, kPoolCapacity)); }
  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  bool pop(PhysAddr& frame) {
    const std::uint32_t count = this->count();
    if (count == 0) return false;
    frame = PhysAddr(std::uint64_t{pages_[count - 1]} << kPageShift);
    count_.store(count - 1, std::memory_order_relaxed);
    return true;
  }
  void push(PhysAddr frame) {
    const std::uint32_t count = this->count();
    pages_[count] = static_cast<std::uint32_t>(frame.page_number());
    count_.store(count + 1, std::memory_order_relaxed);
  }

 private:
  std::uint32_t limit_ = 0;              // set at boot
  std::atomic<std::uint32_t> count_{0};  // changed under frames_lock; read without it as a hint
  std::uint32_t pages_[kPoolCapacity] = {};
};

constinit SpinLock frames_lock{LockRank::kFrames};
Global<FrameMap> map;
Global<Buddy> buddy GUARDED_BY(frames_lock);
constinit ZeroedPool zeroed_pool;
constinit PerCpu<CpuFrames> cpu_frames;
// Constant once the devices have been found.
constinit MemoryRange device_ranges[kMostDeviceRanges];
constinit std::size_t device_range_count = 0;
// Copy of the buddy system's count, for readers without the lock.
constinit std::atomic<std::uint64_t> buddy_free{0};
// How many frames move between a cache and the buddy system at once; small where memory is small.
constinit std::uint32_t cache_batch = kCacheCapacity / 2;
constinit unsigned refill_order = 4;
static_assert(kCacheCapacity / 2 - 1 + (1u << 4) <= kCacheCapacity);

void receive_free_range(PhysAddr begin, PhysAddr end, void*) REQUIRES(frames_lock) {
  buddy->free_range(begin, end);
}

void publish_free_count() REQUIRES(frames_lock) {
  buddy_free.store(buddy->free_frames(), std::memory_order_relaxed);
}

bool allocate_block_locked(unsigned order, PhysAddr& block) REQUIRES(frames_lock) {
  while (!buddy->allocate(order, block)) {
    if (!map->grow(receive_free_range, nullptr)) return false;
  }
  publish_free_count();
  return true;
}

void count_use(FrameUse use, std::int64_t frames) {
  std::atomic<std::int64_t>& counter = cpu_frames.mine().used[static_cast<std::size_t>(use)];
  counter.store(counter.load(std::memory_order_relaxed) + frames, std::memory_order_relaxed);
}

void begin_use(Frame& frame, FrameUse use, unsigned order) {
  frame.references.store(0, std::memory_order_relaxed);
  frame.use = use;
  frame.order = static_cast<std::uint8_t>(order);
  frame.flags = 0;
  frame.owner = nullptr;
  frame.index = 0;
}

void end_use(PhysAddr address, unsigned order) {
  Frame& head = map->at(address);
  ASSERT(head.use != FrameUse::kFree && head.use != FrameUse::kReserved);
  count_use(head.use, -(std::int64_t{1} << order));
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) {
    Frame& frame = map->at(address + (i << kPageShift));
    frame.use = FrameUse::kFree;
    frame.allocator_flags = kRecycled;
    poison(direct_map(address + (i << kPageShift)), kPageSize);
  }
}

// In checking builds: free frames other than those of the pool are as end_use() left them, or were never in use.
void expect_unused(PhysAddr block, unsigned order) {
  if constexpr (kPoisonFreed) {
    for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) {
      const void* contents = direct_map(block + (i << kPageShift));
      if (is_poisoned_somewhere(contents, kPageSize)) expect_poisoned(contents, kPageSize, "frame");
    }
  }
}

bool refill(CpuFrames& cache) {
  IrqSpinGuard guard(frames_lock);
  PhysAddr block;
  // A block at a time, lists being touched once for all of it; single frames where there is no block.
  for (unsigned order = refill_order; cache.count < cache_batch;) {
    if (!buddy->allocate(order, block)) {
      if (order > 0) {
        order = 0;
      } else if (!map->grow(receive_free_range, nullptr)) {
        break;
      }
      continue;
    }
    // The frame at the lowest address is handed out first.
    for (std::uint64_t i = std::uint64_t{1} << order; i-- > 0;) {
      cache.pages[cache.count++] = static_cast<std::uint32_t>(block.page_number() + i);
    }
  }
  publish_free_count();
  // The last resort: frames cleared ahead of need are still free frames.
  if (cache.count == 0 && zeroed_pool.pop(block)) {
    poison(direct_map(block), kPageSize);
    cache.pages[cache.count++] = static_cast<std::uint32_t>(block.page_number());
  }
  return cache.count > 0;
}

void drain(CpuFrames& cache, std::uint32_t keep) {
  IrqSpinGuard guard(frames_lock);
  while (cache.count > keep) {
    buddy->free(PhysAddr(std::uint64_t{cache.pages[--cache.count]} << kPageShift), 0);
  }
  publish_free_count();
}

bool take_zeroed(PhysAddr& frame) {
  if (zeroed_pool.empty()) return false;
  {
    IrqSpinGuard guard(frames_lock);
    if (!zeroed_pool.pop(frame)) return false;
  }
  expect_filled(direct_map(frame), kPageSize, 0, "cleared frame");
  return true;
}

void clear_block(PhysAddr block, unsigned order) {
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) {
    arch::clear_page(direct_map(block + (i << kPageShift)));
  }
}

}  // namespace

void initialise_frames(const MemoryRange* ranges, std::size_t count) {
  map.construct().initialise(ranges, count);
  IrqSpinGuard guard(frames_lock);
  buddy.construct(*map);
  map->grow(receive_free_range, nullptr);
  publish_free_count();
  cache_batch = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(map->usable_frames() / 2048, 4, kCacheCapacity / 2));
  refill_order = cache_batch >= 16 ? 4 : 0;
  zeroed_pool.set_limit(map->usable_frames() / 1024);
}

void add_memory(MemoryRange range) {
  IrqSpinGuard guard(frames_lock);
  // Memory without a record (beyond every span) stays unused: nothing but its loss depends on it.
  map->add(range, receive_free_range, nullptr);
  publish_free_count();
}

Result<PhysAddr> allocate_frame(FrameUse use, FrameContents contents) {
  PhysAddr address;
  if (contents == FrameContents::kZeroed && take_zeroed(address)) {
    InterruptGuard guard;
    count_use(use, 1);
    begin_use(map->at(address), use, 0);
    return address;
  }
  {
    InterruptGuard guard;
    CpuFrames& cache = cpu_frames.mine();
    if (cache.count == 0 && !refill(cache)) return Errno::kENOMEM;
    address = PhysAddr(std::uint64_t{cache.pages[--cache.count]} << kPageShift);
    count_use(use, 1);
  }
  expect_unused(address, 0);
  begin_use(map->at(address), use, 0);
  if (contents == FrameContents::kZeroed) arch::clear_page(direct_map(address));
  return address;
}

Result<PhysAddr> allocate_frames(unsigned order, FrameUse use, FrameContents contents) {
  ASSERT(order <= kMaxFrameOrder);
  if (order == 0) return allocate_frame(use, contents);
  PhysAddr block;
  {
    IrqSpinGuard guard(frames_lock);
    if (!allocate_block_locked(order, block)) return Errno::kENOMEM;
    count_use(use, std::int64_t{1} << order);
  }
  expect_unused(block, order);
  begin_use(map->at(block), use, order);
  if (contents == FrameContents::kZeroed) clear_block(block, order);
  return block;
}

void free_frame(PhysAddr address) {
  InterruptGuard guard;
  end_use(address, 0);
  CpuFrames& cache = cpu_frames.mine();
  if (cache.count >= 2 * cache_batch) drain(cache, cache_batch);
  cache.pages[cache.count++] = static_cast<std::uint32_t>(address.page_number());
}

void free_frames(PhysAddr address, unsigned order) {
  if (order == 0) return free_frame(address);
  ASSERT(is_aligned(address.value(), kPageSize << order));
  IrqSpinGuard guard(frames_lock);
  end_use(address, order);
  buddy->free(address, order);
  publish_free_count();
}

void split_allocated_block(PhysAddr address, unsigned order) {
  const FrameUse use = map->at(address).use;
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) {
    begin_use(map->at(address + (i << kPageShift)), use, 0);
  }
}

bool prepare_zeroed_frame() {
  if (zeroed_pool.full()) return false;
  PhysAddr frame;
  {
    InterruptGuard guard;
    CpuFrames& cache = cpu_frames.mine();
    if (cache.count == 0) return false;
    frame = PhysAddr(std::uint64_t{cache.pages[cache.count - 1]} << kPageShift);
    // Clearing memory that was never used would make the host back it for nothing.
    if ((map->at(frame).allocator_flags & kRecycled) == 0) return false;
    --cache.count;
  }
  expect_unused(frame, 0);
  arch::clear_page(direct_map(frame));
  IrqSpinGuard guard(frames_lock);
  if (zeroed_pool.full()) {
    poison(direct_map(frame), kPageSize);
    buddy->free(frame, 0);
    publish_free_count();
    return false;
  }
  zeroed_pool.push(frame);
  return true;
}

Frame& frame_at(PhysAddr address) { return map->at(address); }
PhysAddr address_of(const Frame& frame) { return map->address_of(frame); }
bool is_managed(PhysAddr address) { return map->covers(address); }

Result<void> add_device_memory(MemoryRange range) {
  if (device_range_count == kMostDeviceRanges) return Errno::kENOSPC;
  device_ranges[device_range_count++] = range;
  return {};
}

bool is_readable_by_devices(PhysAddr address) {
  if (is_managed(address)) return true;
  return std::any_of(device_ranges, device_ranges + device_range_count,
                     [&](const MemoryRange& range) { return address >= range.begin && address < range.end; });
}

void change_frame_use(PhysAddr address, FrameUse use) {
  Frame& frame = map->at(address);
  InterruptGuard guard;
  const std::int64_t frames = std::int64_t{1} << frame.order;
  count_use(frame.use, -frames);
  count_use(use, frames);
  frame.use = use;
}

FrameStatistics frame_statistics() {
  FrameStatistics statistics{};
  statistics.total_frames = map->usable_frames();
  std::uint64_t in_use = 0;
  for (std::size_t use = 0; use < kUses; ++use) {
    std::int64_t sum = 0;
    for (std::uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) {
      sum += cpu_frames.of(CpuId(cpu)).used[use].load(std::memory_order_relaxed);
    }
    // CPUs count while we add up: a momentary negative is a frame that moved between them.
    statistics.used_by[use] = static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
    in_use += statistics.used_by[use];
  }
  statistics.free_frames = statistics.total_frames - std::min(in_use, statistics.total_frames);
  statistics.used_by[static_cast<std::size_t>(FrameUse::kFree)] = statistics.free_frames;
  return statistics;
}

std::uint64_t free_frame_estimate() {
  return buddy_free.load(std::memory_order_relaxed) + map->ungrown_frames() + zeroed_pool.count();
}
std::uint64_t total_frame_count() { return map->usable_frames(); }

}  // namespace mokapot
