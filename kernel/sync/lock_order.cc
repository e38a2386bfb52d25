// SPDX-License-Identifier: Apache-2.0
//
// See lock_order.h.

#include "sync/lock_order.h"

#include "arch/cpu.h"
#include "base/assert.h"
#include "base/types.h"

namespace mokapot {
namespace {

// One stack a CPU; in debug builds only, since nothing else touches it.
struct alignas(64) CpuStack {
  HeldLocks locks;
};
constinit CpuStack cpu_stacks[kMaxCpus];

}  // namespace

void HeldLocks::push(const void* lock, LockRank rank, LockContext context) {
  for (std::size_t i = 0; i < count_; ++i) {
    const Entry& held = entries_[i];
    if (held.lock == lock) panic("lock %p (rank %d) is taken twice", lock, static_cast<int>(rank));
    if (held.context != context) continue;
    const bool by_address = rank >= LockRank::kReadiness;  // the first of the spinlocks
    if (held.rank > rank || (by_address && held.rank == rank && held.lock > lock)) {
      panic("lock order: %p (rank %d) while %p (rank %d) is held", lock, static_cast<int>(rank),
            held.lock, static_cast<int>(held.rank));
    }
  }
  ASSERT(count_ < kDepth);
  entries_[count_++] = Entry{lock, rank, context};
}

void HeldLocks::pop(const void* lock) {
  for (std::size_t i = count_; i > 0; --i) {
    if (entries_[i - 1].lock != lock) continue;
    for (std::size_t j = i; j < count_; ++j) entries_[j - 1] = entries_[j];
    --count_;
    return;
  }
  panic("lock %p is released by one who does not hold it", lock);
}

bool HeldLocks::holds(const void* lock) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].lock == lock) return true;
  }
  return false;
}

void note_spinlock_taken(const void* lock, LockRank rank) {
  const LockContext context = arch::in_interrupt() ? LockContext::kInterrupt : LockContext::kThread;
  // A handler between the check and the store would find the stack half written.
  const arch::InterruptState state = arch::interrupts_save_and_disable();
  cpu_stacks[arch::current_cpu().index()].locks.push(lock, rank, context);
  arch::interrupts_restore(state);
}

void note_spinlock_released(const void* lock) {
  const arch::InterruptState state = arch::interrupts_save_and_disable();
  cpu_stacks[arch::current_cpu().index()].locks.pop(lock);
  arch::interrupts_restore(state);
}

}  // namespace mokapot
