// SPDX-License-Identifier: Apache-2.0
//
// See wait_queue.h.

#include "sched/wait_queue.h"

namespace mokapot {
namespace {

void wake_thread(Waiter& waiter) {
  // SAFETY: the default constructor stored a Thread.
  static_cast<Thread*>(waiter.context())->wake();
}

}  // namespace

Waiter::Waiter() : callback_(wake_thread), context_(&current_thread()) {}
Waiter::~Waiter() { ASSERT(!queue_hook.is_linked()); }

void WaitQueue::add(Waiter& waiter) {
  IrqSpinGuard guard(lock_);
  waiters_.push_back(waiter);
  // Sequentially consistent, against wake's look: either the waker sees the waiter, or the waiter's look at
  // the condition, which comes after this, sees what the waker has made true.
  count_.fetch_add(1, std::memory_order_seq_cst);
}

void WaitQueue::remove(Waiter& waiter) {
  IrqSpinGuard guard(lock_);
  if (!waiter.queue_hook.is_linked()) return;
  waiters_.erase(waiters_.iterator_to(waiter));
  count_.fetch_sub(1, std::memory_order_relaxed);
}

bool WaitQueue::has_waiters() const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return count_.load(std::memory_order_relaxed) != 0;
}

void WaitQueue::wake_one() {
  if (!has_waiters()) return;
  IrqSpinGuard guard(lock_);
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    Waiter& waiter = *next++;
    waiter.callback_(waiter);
    if (waiter.callback_ != wake_thread) continue;  // a listener: it takes nothing away from the others
    // To the end, so that a second wake_one before this thread has left the queue reaches the next.
    waiters_.splice(waiters_.end(), waiters_, waiters_.iterator_to(waiter));
    return;
  }
}

void WaitQueue::wake_all() {
  if (!has_waiters()) return;
  IrqSpinGuard guard(lock_);
  for (Waiter& waiter : waiters_) waiter.callback_(waiter);
}

}  // namespace mokapot
