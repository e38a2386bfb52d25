// SPDX-License-Identifier: Apache-2.0
//
// One CPU's threads: the one that runs, and those that wait for it, ordered by virtual runtime. Mechanism
// only: who is put where is the scheduler's (scheduler.h), by what measure policy.h's.
//
// Lock: lock() (rank kRunQueue), interrupts off. It is held across the switch from one thread to the next
// and released by the next, so that whoever has taken the lock finds a thread that is off the queue also
// off its stack.
// Invariant: waiting_ holds exactly the threads whose place is kWaiting and whose last_cpu_ is this CPU;
// current_ is the only one whose place is kRunning.
#pragma once

#include <atomic>

#include "sched/thread.h"
#include "sync/spinlock.h"

namespace mokapot {

class RunQueue {
 public:
  RunQueue() = default;

  SpinLock& lock() const RETURN_CAPABILITY(lock_) { return lock_; }

  // The first thread to run here, and the one to run when there is no other. Boot.
  void begin(Thread& current, Thread& idle, Instant now) REQUIRES(lock_);
  void set_idle_thread(Thread& idle) { idle_ = &idle; }

  Thread& current() const { return *current_; }
  Thread* idle_thread() const { return idle_; }
  bool started() const { return current_ != nullptr; }
  bool current_is_idle() const { return current_ == idle_; }

  // Charges the running thread up to now.
  void account(Instant now) REQUIRES(lock_);
  // Adds a thread that is off the queue. Its virtual runtime is on this queue's clock.
  void insert(Thread& thread) REQUIRES(lock_);
  // Takes a waiting thread out, or the running one off.
  void remove(Thread& thread) REQUIRES(lock_);
  // A thread just inserted has to wait for the running one, which has just been charged: the time until it runs counts.
  void begin_wait(Thread& thread) REQUIRES(lock_);
  // Puts the running thread back among the waiting.
  void requeue_current() REQUIRES(lock_);
  // Makes a waiting thread, or the idle one, the running one. The earlier one has been taken off.
  void set_current(Thread& thread, Instant now) REQUIRES(lock_);
  // The waiting thread that is to run next; nullptr if nobody waits.
  Thread* first() const REQUIRES(lock_);
  // A waiting thread that may run on cpu: one for a pause, else the least urgent one; nullptr if there is none.
  Thread* movable_to(CpuId cpu) const REQUIRES(lock_);

  // The queue's clock: no waiting thread was ever ahead of it by more than the sleeper's credit.
  policy::VirtualRuntime minimum() const REQUIRES(lock_) { return minimum_; }
  // For a runnable thread that moves to another queue: off this one, its virtual runtime made relative, and
  // marked so that a wake-up leaves it to who moves it; and onto the other's clock, before insert().
  void begin_move(Thread& thread) REQUIRES(lock_);
  void end_move(Thread& thread) const REQUIRES(lock_);

  // Without the lock: hints.
  std::uint32_t waiting() const { return waiting_count_.load(std::memory_order_seq_cst); }
  std::uint32_t load() const { return load_.load(std::memory_order_relaxed); }
  // Threads that run or wait here for work in a pause.
  std::uint32_t urgent() const { return urgent_.load(std::memory_order_relaxed); }

  Duration busy() const REQUIRES(lock_) { return busy_; }
  Duration idle() const REQUIRES(lock_) { return idle_time_; }
  std::uint64_t switches() const { return switches_.load(std::memory_order_relaxed); }

 private:
  struct LeastRuntimeFirst {
    bool operator()(const Thread& a, const Thread& b) const {
      return a.scheduling_.virtual_runtime < b.scheduling_.virtual_runtime;
    }
  };
  void advance_minimum() REQUIRES(lock_);
  void publish_load() REQUIRES(lock_);
  void count_urgent(Thread& thread, bool is_urgent) REQUIRES(lock_);

  mutable SpinLock lock_{LockRank::kRunQueue};
  // Written under the lock by this CPU; this CPU reads it without.
  Thread* current_ = nullptr;
  Thread* idle_ = nullptr;  // const after boot
  IntrusiveMultiTree<Thread, &Thread::run_queue_hook, LeastRuntimeFirst> waiting_ GUARDED_BY(lock_);
  policy::VirtualRuntime minimum_ GUARDED_BY(lock_) = 0;
  Duration busy_ GUARDED_BY(lock_);
  Duration idle_time_ GUARDED_BY(lock_);
  // Written under the lock; read anywhere as hints, and by the idle loop, which pairs with kick().
  std::atomic<std::uint32_t> waiting_count_{0};
  std::atomic<std::uint32_t> load_{0};
  std::atomic<std::uint32_t> urgent_{0};
  std::atomic<std::uint64_t> switches_{0};
};

}  // namespace mokapot
