// SPDX-License-Identifier: Apache-2.0
//
// The checker of lock ranks: a stack of the locks that a CPU (spinlocks) or a thread (sleeping locks)
// holds. Debug builds keep and check one for each; other builds never call it.
//
// Not thread safe: a CPU's stack is touched with preemption off by that CPU only, a thread's by that
// thread only. An interrupt pushes on top of what it interrupted and has popped all of it when it returns,
// so the stack stays in order; ranks are compared only within one context, because what a handler takes
// does not nest into what the interrupted thread holds (such locks are taken with interrupts off).
#pragma once

#include <cstddef>
#include <cstdint>

#include "sync/rank.h"

namespace mokapot {

enum class LockContext : std::uint8_t { kThread, kInterrupt };

class HeldLocks {
 public:
  static constexpr std::size_t kDepth = 24;

  constexpr HeldLocks() = default;

  // Panics unless rank is higher than that of every lock held in this context. Spinlocks of one rank may nest in
  // ascending order of their addresses (two futex buckets). Sleeping locks of one rank may nest in an order
  // that their owner lays down (a directory before its child, an upper layer's inode before the lower's), which
  // this cannot check.
  void push(const void* lock, LockRank rank, LockContext context);
  // Panics unless lock is held. Guards may end in any order.
  void pop(const void* lock);
  bool holds(const void* lock) const;
  std::size_t count() const { return count_; }

 private:
  struct Entry {
    const void* lock;
    LockRank rank;
    LockContext context;
  };
  Entry entries_[kDepth] = {};
  std::size_t count_ = 0;
};

// Of the calling CPU's spinlocks; no-op unless MOKAPOT_DEBUG. Preemption off.
void note_spinlock_taken(const void* lock, LockRank rank);
void note_spinlock_released(const void* lock);

}  // namespace mokapot
