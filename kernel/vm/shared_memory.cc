// SPDX-License-Identifier: Apache-2.0
//
// See shared_memory.h. Frame::references counts the table's own reference and those of mappings.
#include "vm/shared_memory.h"

#include <atomic>

#include "base/format.h"
#include "memory/frames.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMaxPages = (std::uint64_t{1} << 40) >> kPageShift;
constinit std::atomic<std::uint64_t> next_number{1};

void drop(PhysAddr frame) {
  if (frame_at(frame).references.fetch_sub(1, std::memory_order_acq_rel) == 1) free_frame(frame);
}

}  // namespace

Result<RefPtr<PageSource>> SharedMemory::create(std::uint64_t pages) {
  if (pages > kMaxPages) return Errno::kENOMEM;
  RefPtr<SharedMemory> memory =
      TRY(make_ref<SharedMemory>(pages, next_number.fetch_add(1, std::memory_order_relaxed)));
  Vector<std::uint64_t*> leaves;
  TRY(leaves.resize((pages + kPerLeaf - 1) / kPerLeaf));
  {
    SpinGuard guard(memory->lock_);
    memory->leaves_.swap(leaves);
  }
  return RefPtr<PageSource>(std::move(memory));
}

SharedMemory::~SharedMemory() {
  SpinGuard guard(lock_);
  for (std::uint64_t* leaf : leaves_) {
    if (leaf == nullptr) continue;
    for (std::uint64_t i = 0; i < kPerLeaf; ++i) {
      if (leaf[i] != 0) drop(PhysAddr(leaf[i]));
    }
    free_frame(from_direct_map(leaf));
  }
}

std::uint64_t* SharedMemory::entry_locked(std::uint64_t index) {
  std::uint64_t* leaf = leaves_[index / kPerLeaf];
  return leaf != nullptr ? &leaf[index % kPerLeaf] : nullptr;
}

Result<PhysAddr> SharedMemory::cached_frame_for_mapping(std::uint64_t index) {
  if (index >= pages_) return Errno::kENXIO;
  SpinGuard guard(lock_);
  const std::uint64_t* entry = entry_locked(index);
  if (entry == nullptr || *entry == 0) return Errno::kEAGAIN;
  frame_at(PhysAddr(*entry)).references.fetch_add(1, std::memory_order_relaxed);
  return PhysAddr(*entry);
}

Result<PhysAddr> SharedMemory::frame_for_mapping(std::uint64_t index, bool) {
  while (true) {
    Result<PhysAddr> cached = cached_frame_for_mapping(index);
    if (cached.ok() || cached.error() != Errno::kEAGAIN) return cached;
    // Allocation may block, so it is done without the lock, and whoever comes second gives back.
    const PhysAddr leaf_frame =
        TRY(allocate_frame_reclaiming(FrameUse::kKernel, FrameContents::kZeroed));
    Result<PhysAddr> fresh = allocate_frame_reclaiming(FrameUse::kTmpfs, FrameContents::kZeroed);
    if (!fresh.ok()) {
      free_frame(leaf_frame);
      return fresh;
    }
    bool used_leaf = false, used_frame = false;
    {
      SpinGuard guard(lock_);
      std::uint64_t*& leaf = leaves_[index / kPerLeaf];
      if (leaf == nullptr) {
        leaf = static_cast<std::uint64_t*>(direct_map(leaf_frame));
        used_leaf = true;
      }
      std::uint64_t& entry = leaf[index % kPerLeaf];
      if (entry == 0) {
        entry = fresh.value().value();
        frame_at(fresh.value()).references.store(2, std::memory_order_relaxed);
        used_frame = true;
      }
    }
    if (!used_leaf) free_frame(leaf_frame);
    if (used_frame) return fresh;
    free_frame(fresh.value());
  }
}

void SharedMemory::release_frame(PhysAddr frame, bool) { drop(frame); }

std::size_t SharedMemory::describe(char* buffer, std::size_t size) const {
  return format_to(buffer, size, "/dev/zero (deleted)");
}

Result<void> SharedMemory::punch_hole(std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t index = first; index < first + count && index < pages_; ++index) {
    PhysAddr frame;
    {
      SpinGuard guard(lock_);
      std::uint64_t* entry = entry_locked(index);
      if (entry == nullptr || *entry == 0) continue;
      frame = PhysAddr(*entry);
      *entry = 0;
    }
    unmap_pages(index, 1, PrivateCopies::kDrop);
    drop(frame);
  }
  return {};
}

}  // namespace mokapot
