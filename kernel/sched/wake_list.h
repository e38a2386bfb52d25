// SPDX-License-Identifier: Apache-2.0
//
// Threads to be woken once a lock is released: waking takes time, and those who wake want the lock. Any
// number of them, without allocation: the link is in the thread.
//
// A thread may be added to a second list while it is still in a first. It then stays in the first alone, whose
// owner unlinks it before it wakes it, so the wake comes after both additions: what the thread is woken for must be
// visible before add(). Owned by one thread.
#pragma once

#include "sched/thread.h"

namespace mokapot {

class WakeList {
 public:
  WakeList() = default;
  WakeList(const WakeList&) = delete;
  WakeList& operator=(const WakeList&) = delete;
  ~WakeList() { wake_all(); }

  void add(Thread& thread) {
    Thread* unlinked = nullptr;
    // Acquire-release: pairs with the owner's unlinking, so that what made the caller wake the thread is
    // seen by the thread either way.
    if (!thread.wake_link.compare_exchange_strong(unlinked, end_mark(), std::memory_order_acq_rel)) return;
    thread.add_reference();
    if (last_ == nullptr) first_ = &thread;
    else last_->wake_link.store(&thread, std::memory_order_relaxed);
    last_ = &thread;
  }
  void wake_all() {
    Thread* thread = first_;
    first_ = last_ = nullptr;
    while (thread != nullptr) {
      Thread* next = thread->wake_link.load(std::memory_order_relaxed);
      thread->wake_link.store(nullptr, std::memory_order_release);
      thread->wake();
      thread->drop_reference();
      thread = next == end_mark() ? nullptr : next;
    }
  }

 private:
  // SAFETY: no thread lies at address 1; the value is only compared.
  static Thread* end_mark() { return reinterpret_cast<Thread*>(std::uintptr_t{1}); }
  Thread* first_ = nullptr;
  Thread* last_ = nullptr;
};

}  // namespace mokapot
