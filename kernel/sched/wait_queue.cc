// SPDX-License-Identifier: Apache-2.0
//
// See wait_queue.h.

#include "sched/wait_queue.h"

#include "sched/kick_batch.h"

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

// The thread to be woken: the longest waiting one, after the callbacks that stand before it.
Thread* WaitQueue::choose_locked() {
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    Waiter& waiter = *next++;
    if (waiter.callback_ != wake_thread) {
      waiter.callback_(waiter);  // a listener: it takes nothing away from the others
      continue;
    }
    // To the end, so that a second wake_one before this thread has left the queue reaches the next.
    waiters_.splice(waiters_.end(), waiters_, waiters_.iterator_to(waiter));
    // SAFETY: the default constructor stored a Thread.
    return static_cast<Thread*>(waiter.context());
  }
  return nullptr;
}

void WaitQueue::wake_one() {
  if (!has_waiters()) return;
  if (arch::in_interrupt() || arch::preempt_count() != 0) {
    // A reference must not be let go here, so the thread is kept by its place on the queue.
    const KickBatch after_the_lock;
    IrqSpinGuard guard(lock_);
    if (Thread* thread = choose_locked()) thread->wake();
    return;
  }
  // A thread that is woken on another CPU wants the queue's lock first of all, and to interrupt that CPU takes a while.
  RefPtr<Thread> thread;
  const PreemptGuard wakes_at_once;
  {
    IrqSpinGuard guard(lock_);
    thread = RefPtr<Thread>(choose_locked());
  }
  if (thread) thread->wake();
}

void WaitQueue::wake_all() {
  if (!has_waiters()) return;
  const KickBatch after_the_lock;
  IrqSpinGuard guard(lock_);
  for (Waiter& waiter : waiters_) waiter.callback_(waiter);
}

}  // namespace mokapot
