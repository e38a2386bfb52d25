// SPDX-License-Identifier: Apache-2.0
//
// The kernel's one wait mechanism. A Waiter stands on a WaitQueue on behalf of a thread, or of a callback
// (epoll, poll on many files). Whoever makes a condition true wakes the queue.
//
// Lock: one spinlock a queue (rank kWaitQueue), interrupts off: interrupt handlers may wake.
#pragma once

#include "base/intrusive.h"
#include "sched/thread.h"
#include "sync/spinlock.h"

namespace mokapot {

class WaitQueue;

class Waiter {
 public:
  // Runs under the queue's lock with interrupts off; must not block or touch this queue.
  using Callback = void (*)(Waiter& waiter);
  Waiter();                                         // wakes the calling thread
  Waiter(Callback callback, void* context) : callback_(callback), context_(context) {}
  ~Waiter();                                        // must not be queued
  void* context() const { return context_; }
  ListHook queue_hook;  // WaitQueue::waiters_

 private:
  friend class WaitQueue;
  Callback callback_;
  void* context_;
};

class WaitQueue {
 public:
  // A queue whose waiters' callbacks go on to wake other queues ranks below them (and the other way round).
  explicit WaitQueue(LockRank rank = LockRank::kWaitQueue) : lock_(rank) {}
  void add(Waiter& waiter);
  void remove(Waiter& waiter);  // fine if it is not queued
  // wake_one wakes the longest waiting thread, and calls the callbacks that stand before it. Waiters stay
  // queued until they remove themselves.
  void wake_one();
  void wake_all();
  bool has_waiters() const;

 private:
  Thread* choose_locked() REQUIRES(lock_);

  mutable SpinLock lock_;
  IntrusiveList<Waiter, &Waiter::queue_hook> waiters_ GUARDED_BY(lock_);
  std::atomic<std::uint32_t> count_{0};  // length of waiters_, written under the lock: a wake of nobody is free
};

// Blocks until predicate() is true, the deadline passes or (if interruptible) the thread is interrupted.
// The predicate is evaluated in thread context and may take spinlocks. kWoken means that it was true.
template <typename Predicate>
WakeReason wait_until(WaitQueue& queue, Instant deadline, Interruptible interruptible, Predicate predicate) {
  if (predicate()) return WakeReason::kWoken;
  Waiter waiter;
  queue.add(waiter);
  WakeReason reason = WakeReason::kWoken;
  while (true) {
    prepare_to_block();
    if (predicate()) {
      cancel_block();
      reason = WakeReason::kWoken;
      break;
    }
    reason = block(deadline, interruptible);
    if (reason != WakeReason::kWoken) {
      if (predicate()) reason = WakeReason::kWoken;
      break;
    }
  }
  queue.remove(waiter);
  return reason;
}

}  // namespace mokapot
