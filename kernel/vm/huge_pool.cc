// SPDX-License-Identifier: Apache-2.0
//
// See huge_pool.h.
#include "vm/huge_pool.h"

#include "arch/memory_copy.h"
#include "base/assert.h"
#include "memory/page_table.h"
#include "sync/spinlock.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

constinit SpinLock pool_lock{LockRank::kPageList};
constinit Frame* pool GUARDED_BY(pool_lock) = nullptr;  // linked through Frame::owner
constinit std::uint64_t pool_size GUARDED_BY(pool_lock) = 0;

PhysAddr take_block() {
  SpinGuard guard(pool_lock);
  ASSERT(pool_size > 0);
  --pool_size;
  Frame* frame = pool;
  // SAFETY: what return_huge_block put there.
  pool = static_cast<Frame*>(frame->owner);
  return address_of(*frame);
}

}  // namespace

Result<void> reserve_huge_blocks(std::uint64_t count) {
  if (count > 0 && !huge_blocks_are_left(count)) return Errno::kENOMEM;
  for (std::uint64_t got = 0; got < count; ++got) {
    const Result<PhysAddr> block = allocate_huge_block_reclaiming(FrameUse::kHugeTlb, FrameContents::kUninitialised);
    if (!block.ok()) {
      release_huge_blocks(got);
      return block.error();
    }
    frame_at(block.value()).flags = kHugePoolBlock;
    return_huge_block(block.value());
  }
  return {};
}

void release_huge_blocks(std::uint64_t count) {
  for (; count > 0; --count) {
    const PhysAddr block = take_block();
    frame_at(block).flags = 0;
    free_frames(block, kHugeFrameOrder);
  }
}

PhysAddr take_reserved_huge_block() {
  const PhysAddr block = take_block();
  for (std::uint64_t i = 0; i < arch::kEntriesPerTable; ++i) arch::clear_page(direct_map(block + (i << kPageShift)));
  return block;
}

void return_huge_block(PhysAddr block) {
  SpinGuard guard(pool_lock);
  Frame& frame = frame_at(block);
  frame.owner = pool;
  pool = &frame;
  ++pool_size;
}

std::uint64_t huge_pool_free() {
  SpinGuard guard(pool_lock);
  return pool_size;
}

}  // namespace mokapot
