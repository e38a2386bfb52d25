// SPDX-License-Identifier: Apache-2.0
//
// Blocking, with and without a deadline. The protocol against lost wake-ups is told in scheduler.cc.

#include "irq/irq.h"
#include "sched/scheduler.h"
#include "sync/context.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// Wakes a thread at a moment. On the stack of the thread, which cancels it before it goes on.
class WakeTimer : public Timer {
 public:
  explicit WakeTimer(Thread& thread) : Timer(fire), thread_(thread) {}

 private:
  static void fire(Timer& timer) {
    // SAFETY: fire is only ever given to a WakeTimer.
    Scheduler::wake(static_cast<WakeTimer&>(timer).thread_, WakeReason::kTimedOut);
  }
  Thread& thread_;
};

void give_up_cpu() {
  arch::interrupts_disable();
  Scheduler::switch_from_current(SwitchCause::kBlocks);
  arch::interrupts_enable();
  Scheduler::honour_pending_reschedule();
}

}  // namespace

WakeReason Scheduler::block(Instant deadline, Interruptible interruptible) {
  ASSERT_MAY_BLOCK();
  Thread& self = current_thread();
  // interrupt() sets its mark and then looks at the state; prepare_to_block did it the other way round.
  if (interruptible == Interruptible::kYes && self.interrupt_pending()) {
    cancel_block();
    return WakeReason::kInterrupted;
  }
  if (deadline.is_never()) {
    give_up_cpu();
  } else {
    const Instant time = now();
    if (deadline <= time) {
      cancel_block();
      return WakeReason::kTimedOut;
    }
    WakeTimer timer(self);
    const Instant common = policy::batched(deadline, time, self.thread_class());
    if (common != deadline && traced()) trace_batched(self, common - deadline);
    timer.arm(common);
    give_up_cpu();
    timer.cancel();
  }
  const WakeReason reason = self.scheduling_.wake_reason;
  // A signal wakes every waiter; for those that it may not end, that is a spurious wake-up. So is one that comes late: who
  // interrupts sets the mark and then wakes, and in between the thread may have taken the signal and begun another wait.
  const bool ends_wait = interruptible == Interruptible::kYes && self.interrupt_pending();
  if (reason == WakeReason::kInterrupted && !ends_wait) return WakeReason::kWoken;
  return reason;
}

void Thread::prepare_to_block() {
  scheduling_.wake_reason = WakeReason::kWoken;
  // Sequentially consistent: the condition is read after this is visible.
  state_.exchange(ThreadState::kBlocked, std::memory_order_seq_cst);
}

void Thread::cancel_block() { state_.store(ThreadState::kRunnable, std::memory_order_relaxed); }

void prepare_to_block() { current_thread().prepare_to_block(); }
void cancel_block() { current_thread().cancel_block(); }
WakeReason block(Instant deadline, Interruptible interruptible) {
  return Scheduler::block(deadline, interruptible);
}

Result<void> sleep_until(Instant deadline, Interruptible interruptible) {
  while (true) {
    prepare_to_block();
    switch (block(deadline, interruptible)) {
      case WakeReason::kTimedOut: return {};
      case WakeReason::kInterrupted: return Errno::kEINTR;
      case WakeReason::kWoken: break;  // nobody's condition: sleep on
    }
  }
}

}  // namespace mokapot
