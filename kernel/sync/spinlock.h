// SPDX-License-Identifier: Apache-2.0
//
// Spinlocks, taken only through guards. SpinGuard turns preemption off while held and is for locks that
// no interrupt handler takes; IrqSpinGuard turns interrupts off and is for those that one does.
// A lock is used with one kind of guard throughout.
//
// In no order: whoever looks first after a release has it. A queue of waiters would be fair, but it would hand the lock
// to a CPU that the hypervisor is not running at the moment, and all others would wait for a whole time slice of the
// host (Linux's guests give up their queue for that reason, too). Debug builds (MOKAPOT_DEBUG) check ranks per CPU and that the holder releases.
//
// A waiter under SpinGuard spins with interrupts as it found them, so it goes on answering calls from
// other CPUs (irq/irq.h). A waiter under IrqSpinGuard spins with interrupts off: nothing that needs an
// answer to an interrupt from another CPU may be done while such a lock is held.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/cpu.h"
#include "base/annotations.h"
#include "sync/lock_order.h"
#include "sync/rank.h"

namespace mokapot {

class CAPABILITY("spinlock") SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  LockRank rank() const { return rank_; }
  bool is_locked() const { return locked_.load(std::memory_order_relaxed); }

 private:
  friend class SpinGuard;
  friend class IrqSpinGuard;
  friend class SwitchLock;
  // Preemption is off already.
  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
#ifdef MOKAPOT_DEBUG
    note_spinlock_taken(this, rank_);
#endif
    // Acquire: what the holder before us wrote under the lock is ours to see.
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]] wait_and_lock();
  }
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
#ifdef MOKAPOT_DEBUG
    note_spinlock_released(this);
#endif
    locked_.store(false, std::memory_order_release);
  }
  void wait_and_lock();

  std::atomic<bool> locked_{false};
  const LockRank rank_;
};

// Ends a no-preempt section; calls the scheduler if one was asked for meanwhile (sync/preempt.h).
void preempt_enable_and_check();

class SCOPED_CAPABILITY SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) {
    arch::preempt_disable();
    lock_.lock();
  }
  ~SpinGuard() RELEASE() {
    lock_.unlock();
    preempt_enable_and_check();
  }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

class SCOPED_CAPABILITY IrqSpinGuard {
 public:
  explicit IrqSpinGuard(SpinLock& lock) ACQUIRE(lock)
      : lock_(lock), state_(arch::interrupts_save_and_disable()) {
    arch::preempt_disable();
    lock_.lock();
  }
  ~IrqSpinGuard() RELEASE() {
    lock_.unlock();
    arch::interrupts_restore(state_);
    preempt_enable_and_check();
  }
  IrqSpinGuard(const IrqSpinGuard&) = delete;
  IrqSpinGuard& operator=(const IrqSpinGuard&) = delete;

 private:
  SpinLock& lock_;
  const arch::InterruptState state_;
};

// For the scheduler alone: a lock that is taken on one thread's stack and released on another's, across
// the switch between them. Interrupts are off throughout.
class SwitchLock {
 public:
  static void take(SpinLock& lock) ACQUIRE(lock) NO_THREAD_SAFETY_ANALYSIS {
    arch::preempt_disable();
    lock.lock();
  }
  // Does not look for a pending reschedule: the caller is the scheduler.
  static void release(SpinLock& lock) RELEASE(lock) NO_THREAD_SAFETY_ANALYSIS {
    lock.unlock();
    (void)arch::preempt_enable();
  }
};

// A stretch without preemption, for per-CPU data.
class PreemptGuard {
 public:
  PreemptGuard() { arch::preempt_disable(); }
  ~PreemptGuard() { preempt_enable_and_check(); }
  PreemptGuard(const PreemptGuard&) = delete;
  PreemptGuard& operator=(const PreemptGuard&) = delete;
};
// A stretch without interrupts on this CPU. Its end also honours a reschedule asked for inside.
class InterruptGuard {
 public:
  InterruptGuard() : state_(arch::interrupts_save_and_disable()) { arch::preempt_disable(); }
  ~InterruptGuard() {
    arch::interrupts_restore(state_);
    preempt_enable_and_check();
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  const arch::InterruptState state_;
};

// One T per CPU, each in its own cache lines. mine() is stable only without preemption.
template <typename T>
class PerCpu {
 public:
  constexpr PerCpu() = default;
  T& mine() { return slots_[arch::current_cpu().index()].value; }
  T& of(CpuId cpu) { return slots_[cpu.index()].value; }

 private:
  struct alignas(64) Slot {
    T value{};
  };
  Slot slots_[kMaxCpus];
};

}  // namespace mokapot
