// SPDX-License-Identifier: Apache-2.0
//
// The buddy system: free blocks of 2^order frames, aligned to their size, split on demand and merged with
// their other half when both are free. It keeps its lists in the Frame records and knows nothing of locks.
//
// Recently freed blocks are handed out first, and memory that has never been handed out last: the host
// backs a page of ours when it is first touched.
//
// Not thread safe: the frame allocator's lock covers it.
#pragma once

#include <cstdint>

#include "base/intrusive.h"
#include "memory/frame_map.h"
#include "memory/frames.h"

namespace mokapot {

// Frame::allocator_flags.
inline constexpr std::uint8_t kFreeBlockHead = 1;  // first frame of a block on a free list
inline constexpr std::uint8_t kRecycled = 2;       // has been in use before: the host backs it

class Buddy {
 public:
  explicit Buddy(FrameMap& map) : map_(map) {}

  bool allocate(unsigned order, PhysAddr& block);
  void free(PhysAddr block, unsigned order);
  // All of [begin, end), as the largest aligned blocks that fit.
  void free_range(PhysAddr begin, PhysAddr end);

  std::uint64_t free_frames() const { return free_frames_; }

 private:
  using FreeList = IntrusiveList<Frame, &Frame::list_hook>;

  void push(Frame& head, unsigned order, bool recycled);
  void remove(Frame& head);

  FrameMap& map_;
  FreeList lists_[kMaxFrameOrder + 1];
  std::uint64_t free_frames_ = 0;
};

}  // namespace mokapot
