// SPDX-License-Identifier: Apache-2.0
//
// Memory pressure: whoever can give frames back (page cache, zeroed pool, JVM balloon) registers a
// reclaimer; whoever needs a frame that may be hard to get allocates through here. Nobody includes
// anybody else.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "memory/frames.h"

namespace mokapot {

class Reclaimer {
 public:
  virtual const char* name() const = 0;
  // Gives back up to wanted frames; returns how many. Thread context; may block on device writes, must not
  // take locks of rank kAddressSpace..kPageCache other than by trying.
  virtual std::uint64_t reclaim(std::uint64_t wanted) = 0;
  virtual std::uint64_t reclaimable() = 0;  // estimate, for MemAvailable

 protected:
  ~Reclaimer() = default;
};
void register_reclaimer(Reclaimer* reclaimer);  // boot, in order of preference

// Asks the reclaimers, in order, until wanted frames have come back; returns how many did. Reclaimers must not
// allocate through here themselves. Thread context, may block.
inline constexpr std::uint64_t kReclaimBatch = 64;
std::uint64_t reclaim_frames(std::uint64_t wanted);

// As allocate_frame, but asks the reclaimers before it fails. Thread context, may block.
Result<PhysAddr> allocate_frame_reclaiming(FrameUse use, FrameContents contents);
// The block of a 2 MiB page, or kENOMEM where memory is too short to be generous with: never reclaims.
Result<PhysAddr> allocate_huge_block(FrameUse use, std::uint64_t keep_free);
// The same for who asked for such pages by name (MAP_HUGETLB): asks the reclaimers before it fails. May block.
Result<PhysAddr> allocate_huge_block_reclaiming(FrameUse use, FrameContents contents);
// Whether count such blocks could be had at all: asked first, so that no cache is emptied for what must fail.
bool huge_blocks_are_left(std::uint64_t count);
std::uint64_t reclaimable_frames();
// Whether as much as one part in fraction of memory, and at least 1 MiB, is free or can be made so. For those who
// take memory that does not come back by itself (files in memory, threads): they are refused while the page faults of
// everyone else still find a frame.
bool memory_is_left(std::uint64_t fraction);
// Whoever has most memory: "application: 200 of 256 MiB". For one line.
std::size_t describe_largest_holder(char* text, std::size_t size);
// One report line per use, of who holds the memory; for the out-of-memory message.
void log_memory_holders();

}  // namespace mokapot
