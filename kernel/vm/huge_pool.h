// SPDX-License-Identifier: Apache-2.0
//
// Memory behind private mappings made with MAP_HUGETLB. Nobody sets pages aside beforehand: mmap takes the blocks
// for the whole mapping, as Linux's mmap does where vm.nr_overcommit_hugepages permits, and so a later page fault
// always finds one.
//
// Invariant: the pool holds one block for each page of such mappings that is not populated. So a fault takes
// from it, a discarded page goes back to it, and unmapping gives back as many blocks as the mapping had pages,
// after the flush that brought the populated ones back.
//
// Blocks are not cleared before they are mapped: the host would have to back what the program may never touch.
//
// Lock: one spinlock (rank kPageList) guards the list. reserve and release are for thread context.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "memory/frames.h"

namespace mokapot {

// Takes count blocks of 2 MiB into the pool, all or none; asks the reclaimers before it fails with kENOMEM.
Result<void> reserve_huge_blocks(std::uint64_t count);
// Gives count blocks of the pool back to the machine.
void release_huge_blocks(std::uint64_t count);
// A cleared block, for a page that its mapping has reserved.
PhysAddr take_reserved_huge_block();
void return_huge_block(PhysAddr block);
// Whether a block of 2 MiB that a mapping owns is the pool's.
inline constexpr std::uint8_t kHugePoolBlock = 1;  // Frame::flags
inline bool is_huge_pool_block(PhysAddr block) { return (frame_at(block).flags & kHugePoolBlock) != 0; }
std::uint64_t huge_pool_free();  // blocks

}  // namespace mokapot
