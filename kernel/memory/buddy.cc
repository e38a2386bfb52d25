// SPDX-License-Identifier: Apache-2.0
//
// See buddy.h.
#include "memory/buddy.h"

#include <bit>

namespace mokapot {

void Buddy::push(Frame& head, unsigned order, bool recycled) {
  head.order = static_cast<std::uint8_t>(order);
  head.use = FrameUse::kFree;
  head.allocator_flags |= kFreeBlockHead;
  if (recycled) {
    lists_[order].push_front(head);
  } else {
    lists_[order].push_back(head);
  }
}

void Buddy::remove(Frame& head) {
  lists_[head.order].erase(lists_[head.order].iterator_to(head));
  head.allocator_flags &= static_cast<std::uint8_t>(~kFreeBlockHead);
}

bool Buddy::allocate(unsigned order, PhysAddr& block) {
  unsigned have = order;
  while (have <= kMaxFrameOrder && lists_[have].empty()) ++have;
  if (have > kMaxFrameOrder) return false;
  Frame& head = lists_[have].front();
  remove(head);
  block = map_.address_of(head);
  const bool recycled = (head.allocator_flags & kRecycled) != 0;
  // The upper halves go back; the lower one is ours.
  while (have > order) {
    --have;
    push(map_.at(block + (kPageSize << have)), have, recycled);
  }
  head.order = static_cast<std::uint8_t>(order);
  free_frames_ -= std::uint64_t{1} << order;
  return true;
}

void Buddy::free(PhysAddr block, unsigned order) {
  free_frames_ += std::uint64_t{1} << order;
  const bool recycled = (map_.at(block).allocator_flags & kRecycled) != 0;
  while (order < kMaxFrameOrder) {
    const PhysAddr other(block.value() ^ (kPageSize << order));
    if (!map_.covers(other)) break;
    Frame& buddy = map_.at(other);
    if ((buddy.allocator_flags & kFreeBlockHead) == 0 || buddy.order != order) break;
    remove(buddy);
    if (other < block) block = other;
    ++order;
  }
  push(map_.at(block), order, recycled);
}

void Buddy::free_range(PhysAddr begin, PhysAddr end) {
  while (begin < end) {
    unsigned order = 0;
    while (order < kMaxFrameOrder && is_aligned(begin.value(), kPageSize << (order + 1)) &&
           begin + (kPageSize << (order + 1)) <= end) {
      ++order;
    }
    free(begin, order);
    begin += kPageSize << order;
  }
}

}  // namespace mokapot
