// SPDX-License-Identifier: Apache-2.0
//
// Sleeping locks. Both go the same way: try by one compare-exchange; if that fails spin for a moment, since
// most holders are about to release; then sleep on a wait queue with "I got it" as the predicate. A release
// is a store, then a look whether anybody sleeps; WaitQueue::has_waiters holds the barrier between the two.

#include "sched/mutex.h"

#include "irq/irq.h"
#include "sync/context.h"
#include "sync/spin_wait.h"

namespace mokapot {
namespace {

// Some microseconds: less than two context switches.
constexpr int kSpins = 1000;

template <typename Attempt>
bool spin_for(Attempt attempt) {
  if (online_cpus() == cpu_bit(CpuId(0))) return false;  // the holder cannot run while we spin
  SpinWait wait;
  for (int i = 0; i < kSpins; ++i) {
    wait();
    if (attempt()) return true;
  }
  return false;
}

#ifdef MOKAPOT_DEBUG
void note_taken(const void* lock, LockRank rank) {
  current_thread().held_locks.push(lock, rank, LockContext::kThread);
}
void note_released(const void* lock) { current_thread().held_locks.pop(lock); }
#else
void note_taken(const void*, LockRank) {}
void note_released(const void*) {}
#endif

}  // namespace

bool Mutex::held_by_current_thread() const {
  return owner_.load(std::memory_order_relaxed) == &current_thread();
}

bool Mutex::try_take() {
  Thread* nobody = nullptr;
  return owner_.load(std::memory_order_relaxed) == nullptr &&
         owner_.compare_exchange_strong(nobody, &current_thread(), std::memory_order_acquire);
}

void Mutex::lock() {
  ASSERT_MAY_BLOCK();
  ASSERT(!held_by_current_thread());
  note_taken(this, rank_);
  if (try_take()) return;
  if (spin_for([this] { return try_take(); })) return;
  wait_until(waiters_, Instant::never(), Interruptible::kNo, [this] { return try_take(); });
}

bool Mutex::try_lock() {
  if (!try_take()) return false;
  note_taken(this, rank_);
  return true;
}

void Mutex::unlock() {
  ASSERT(held_by_current_thread());
  note_released(this);
  owner_.store(nullptr, std::memory_order_release);
  waiters_.wake_one();
}

bool RwLock::try_share() {
  std::int32_t holders = holders_.load(std::memory_order_relaxed);
  while (holders >= 0 && waiting_writers_.load(std::memory_order_relaxed) == 0) {
    if (holders_.compare_exchange_weak(holders, holders + 1, std::memory_order_acquire)) return true;
  }
  return false;
}

bool RwLock::try_take() {
  std::int32_t nobody = 0;
  return holders_.load(std::memory_order_relaxed) == 0 &&
         holders_.compare_exchange_strong(nobody, -1, std::memory_order_acquire);
}

void RwLock::lock_shared() {
  ASSERT_MAY_BLOCK();
  note_taken(this, rank_);
  if (try_share()) return;
  if (spin_for([this] { return try_share(); })) return;
  wait_until(readers_, Instant::never(), Interruptible::kNo, [this] { return try_share(); });
}

void RwLock::unlock_shared() {
  note_released(this);
  const std::int32_t before = holders_.fetch_sub(1, std::memory_order_release);
  ASSERT(before > 0);
  // Readers never wait for readers, except behind a waiting writer, who wakes them when it is done.
  if (before == 1) writers_.wake_one();
}

void RwLock::lock() {
  ASSERT_MAY_BLOCK();
  note_taken(this, rank_);
  if (try_take()) return;
  if (spin_for([this] { return try_take(); })) return;
  waiting_writers_.fetch_add(1, std::memory_order_seq_cst);
  wait_until(writers_, Instant::never(), Interruptible::kNo, [this] { return try_take(); });
  waiting_writers_.fetch_sub(1, std::memory_order_seq_cst);
}

void RwLock::unlock() {
  note_released(this);
  ASSERT(holders_.load(std::memory_order_relaxed) == -1);
  // Sequentially consistent, against a writer that announces itself and then looks at holders_.
  holders_.exchange(0, std::memory_order_seq_cst);
  // A writer that waits keeps readers out, so waking them would be in vain; it wakes them in its turn.
  if (waiting_writers_.load(std::memory_order_seq_cst) != 0) {
    writers_.wake_one();
  } else {
    readers_.wake_all();
  }
}

}  // namespace mokapot
