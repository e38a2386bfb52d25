// SPDX-License-Identifier: Apache-2.0
//
// The kernel heap. A slab is one frame of equal objects; everything about it is in its Frame record, so
// that objects lie back to back from the frame's first byte and a power of two is aligned to itself:
//   list_hook   the class's list of slabs with room
//   references  objects in use
//   owner       first free object; each free object holds the address of the next
//   index       number of the size class, plus the objects never handed out yet (see Slab)
// A larger allocation is a block of frames; index is how many, and the tail of the block that is not
// needed goes back at once.
//
// Locks: one per size class (rank kHeap), interrupts off. See heap.h.
#include "memory/heap.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "arch/cpu.h"
#include "base/global.h"
#include "memory/frames.h"
#include "memory/poison.h"
#include "memory/redzone.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

// 1344 is a third of a frame (and a multiple of 64).
constexpr std::uint16_t kClassSizes[] = {16,  32,  48,  64,  96,  128,  192,
                                         256, 384, 512, 768, 1024, 1344, 2048};
constexpr std::size_t kClasses = std::size(kClassSizes);
constexpr std::size_t kLargestClass = kClassSizes[kClasses - 1];
constexpr std::uint64_t kLargeBlock = ~std::uint64_t{0} << 32;  // Frame::index of a large allocation

// Class by size in units of 16 bytes.
struct ClassTable {
  std::uint8_t of[kLargestClass / 16 + 1];
  constexpr ClassTable() : of{} {
    std::size_t index = 0;
    for (std::size_t unit = 0; unit <= kLargestClass / 16; ++unit) {
      while (kClassSizes[index] < unit * 16) ++index;
      of[unit] = static_cast<std::uint8_t>(index);
    }
  }
};
constexpr ClassTable kClassTable;

// A view of a slab's Frame record; the class's lock is held.
class Slab {
 public:
  explicit Slab(Frame& frame) : frame_(frame) {}

  void begin(std::size_t index) {
    frame_.owner = nullptr;
    frame_.index = index | std::uint64_t{kPageSize / kClassSizes[index]} << 8;
  }
  std::size_t size_class() const { return frame_.index & 0xff; }
  std::size_t object_size() const { return kClassSizes[size_class()]; }
  std::uint64_t capacity() const { return kPageSize / object_size(); }
  std::uint32_t in_use() const { return frame_.references.load(std::memory_order_relaxed); }
  bool full() const { return in_use() == capacity(); }

  void* take(char* memory) {
    frame_.references.store(in_use() + 1, std::memory_order_relaxed);
    if (frame_.owner != nullptr) {
      // SAFETY: a free object of this slab, whose first word is the link to the next.
      void* object = frame_.owner;
      frame_.owner = *static_cast<void**>(object);
      expect_poisoned(static_cast<char*>(object) + sizeof(void*), object_size() - sizeof(void*), "heap object");
      return object;
    }
    // Objects that were never used are taken from the end downwards, without a list through them.
    const std::uint64_t left = (frame_.index >> 8) - 1;
    frame_.index = size_class() | left << 8;
    return memory + left * object_size();
  }
  void give(void* object) {
    poison(object, object_size());
    *static_cast<void**>(object) = frame_.owner;
    frame_.owner = object;
    frame_.references.store(in_use() - 1, std::memory_order_relaxed);
  }

 private:
  Frame& frame_;
};

struct SizeClass {
  SpinLock lock{LockRank::kHeap};
  IntrusiveList<Frame, &Frame::list_hook> with_room GUARDED_BY(lock);
  std::atomic<std::uint64_t> bytes_in_use{0};  // written under the lock
};

struct Heap {
  SizeClass classes[kClasses];
  std::atomic<std::uint64_t> large_bytes{0};
};
Global<Heap> heap;

void* allocate_small(std::size_t index, std::size_t size) {
  SizeClass& size_class = heap->classes[index];
  IrqSpinGuard guard(size_class.lock);
  if (size_class.with_room.empty()) {
    Result<PhysAddr> fresh = allocate_frame(FrameUse::kHeap, FrameContents::kUninitialised);
    if (!fresh.ok()) return nullptr;
    Frame& frame = frame_at(fresh.value());
    Slab(frame).begin(index);
    size_class.with_room.push_front(frame);
  }
  Frame& frame = size_class.with_room.front();
  Slab slab(frame);
  void* object = slab.take(static_cast<char*>(direct_map(address_of(frame))));
  redzone::draw(object, size, slab.object_size());
  if (slab.full()) size_class.with_room.pop_front();
  size_class.bytes_in_use.store(
      size_class.bytes_in_use.load(std::memory_order_relaxed) + slab.object_size(),
      std::memory_order_relaxed);
  return object;
}

void free_small(Frame& frame, void* object) {
  SizeClass& size_class = heap->classes[frame.index & 0xff];
  IrqSpinGuard guard(size_class.lock);
  Slab slab(frame);
  redzone::expect_intact(object, slab.object_size());
  ASSERT(slab.in_use() > 0);
  const bool was_full = slab.full();
  slab.give(object);
  size_class.bytes_in_use.store(
      size_class.bytes_in_use.load(std::memory_order_relaxed) - slab.object_size(),
      std::memory_order_relaxed);
  if (was_full) size_class.with_room.push_front(frame);
  // The last slab with room stays even if empty, or an allocate-free pair would move a frame each time.
  if (slab.in_use() == 0 && &size_class.with_room.front() != &size_class.with_room.back()) {
    size_class.with_room.erase(size_class.with_room.iterator_to(frame));
    free_frame(address_of(frame));
  }
}

void* allocate_large(std::size_t size) {
  const std::uint64_t frames = (size + kPageSize - 1) >> kPageShift;
  const auto order = static_cast<unsigned>(std::bit_width(frames - 1));
  if (order > kMaxFrameOrder) return nullptr;
  Result<PhysAddr> block = allocate_frames(order, FrameUse::kHeap, FrameContents::kUninitialised);
  if (!block.ok()) return nullptr;
  const PhysAddr begin = block.value();
  split_allocated_block(begin, order);
  for (std::uint64_t i = frames; i < (std::uint64_t{1} << order); ++i) {
    free_frame(begin + (i << kPageShift));
  }
  frame_at(begin).index = kLargeBlock | frames;
  heap->large_bytes.fetch_add(frames << kPageShift, std::memory_order_relaxed);
  return direct_map(begin);
}

void free_large(PhysAddr begin, std::uint64_t frames) {
  heap->large_bytes.fetch_sub(frames << kPageShift, std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < frames; ++i) free_frame(begin + (i << kPageShift));
}

void* allocate_at_once(std::size_t size, std::size_t alignment) {
  if (size + kRedzoneBytes > kLargestClass || alignment > kLargestClass) {
    // Frames are aligned to themselves, blocks to their size rounded up to a power of two.
    return allocate_large(std::max({size, alignment, std::size_t{1}}));
  }
  std::size_t index = kClassTable.of[(size + kRedzoneBytes + 15) / 16];
  while (!is_aligned(kClassSizes[index], alignment)) {
    if (++index == kClasses) return allocate_large(alignment);
  }
  return allocate_small(index, size);
}

using MemoryReclaimer = bool (*)();
constinit MemoryReclaimer memory_reclaimer = nullptr;  // set by boot, before other CPUs run

}  // namespace

void initialise_heap() { heap.construct(); }

void set_memory_reclaimer(MemoryReclaimer reclaim) { memory_reclaimer = reclaim; }

bool reclaim_memory_if_allowed() {
  const bool may_block = arch::preempt_count() == 0 && !arch::in_interrupt() && arch::interrupts_enabled();
  return may_block && memory_reclaimer != nullptr && memory_reclaimer();
}

void* heap_allocate(std::size_t size, std::size_t alignment) {
  while (true) {
    void* object = allocate_at_once(size, alignment);
    if (object != nullptr) return object;
    // Where free memory merely lies in pieces, more pieces would not help, and the page cache would be lost for nothing.
    const bool in_pieces = size > kPageSize && free_frame_estimate() > 4 * (size >> kPageShift);
    if (in_pieces || !reclaim_memory_if_allowed()) return nullptr;
  }
}

void heap_free(void* pointer) {
  if (pointer == nullptr) return;
  const PhysAddr page = from_direct_map(pointer).page_down();
  Frame& frame = frame_at(page);
  ASSERT(frame.use == FrameUse::kHeap);
  if ((frame.index & kLargeBlock) == kLargeBlock) {
    free_large(page, frame.index & ~kLargeBlock);
  } else {
    free_small(frame, pointer);
  }
}

std::size_t heap_bytes_in_use() {
  std::uint64_t bytes = heap->large_bytes.load(std::memory_order_relaxed);
  for (const SizeClass& size_class : heap->classes) {
    bytes += size_class.bytes_in_use.load(std::memory_order_relaxed);
  }
  return bytes;
}

}  // namespace mokapot
