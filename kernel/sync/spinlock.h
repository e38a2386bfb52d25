// SPDX-License-Identifier: Apache-2.0
//
// Spinlocks, taken only through guards. SpinGuard turns preemption off while held and is for locks that
// no interrupt handler takes; IrqSpinGuard turns interrupts off and is for those that one does.
// A lock is used with one kind of guard throughout.
//
// FIFO (ticket) order. Debug builds check ranks per CPU and that the holder releases.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/cpu.h"
#include "base/annotations.h"
#include "sync/rank.h"

namespace mokapot {

class CAPABILITY("spinlock") SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  LockRank rank() const { return rank_; }
  bool is_locked() const {
    return now_serving_.load(std::memory_order_relaxed) != next_ticket_.load(std::memory_order_relaxed);
  }

 private:
  friend class SpinGuard;
  friend class IrqSpinGuard;
  void lock() ACQUIRE();
  void unlock() RELEASE();

  std::atomic<std::uint16_t> next_ticket_{0};
  std::atomic<std::uint16_t> now_serving_{0};
  const LockRank rank_;
};

// Ends a no-preempt section; calls the scheduler if one was asked for meanwhile. Set by sched.
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

// A stretch without preemption, for per-CPU data.
class PreemptGuard {
 public:
  PreemptGuard() { arch::preempt_disable(); }
  ~PreemptGuard() { preempt_enable_and_check(); }
  PreemptGuard(const PreemptGuard&) = delete;
  PreemptGuard& operator=(const PreemptGuard&) = delete;
};
class InterruptGuard {
 public:
  InterruptGuard() : state_(arch::interrupts_save_and_disable()) {}
  ~InterruptGuard() { arch::interrupts_restore(state_); }
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
