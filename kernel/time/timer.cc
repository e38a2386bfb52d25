// SPDX-License-Identifier: Apache-2.0
//
// Per-CPU timer queues. See timer.h for the rules; the invariants here:
//   * a timer stands in a tree exactly while kQueued is set in its place_, and in the tree of the CPU that
//     the queue field names; both change under that queue's lock;
//   * running_ names the timer whose callback runs on that CPU now; it is cleared after the callback;
//   * programmed_ is the moment for which the ClockEvent is armed, never later than the first timer's.

#include "time/timer.h"

#include "base/global.h"
#include "irq/irq.h"
#include "sync/spin_wait.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace mokapot {

class TimerQueue {
 public:
  static void arm(Timer& timer, Instant deadline);
  static bool cancel(Timer& timer);
  void run_due();
  Instant programmed() {
    IrqSpinGuard guard(lock_);
    return programmed_;
  }

 private:
  struct EarlierFirst {
    bool operator()(const Timer& a, const Timer& b) const { return a.deadline() < b.deadline(); }
  };

  static TimerQueue& of(std::uint32_t cpu_plus_one);
  // Takes the timer out of whatever queue it stands in. Returns whether it stood in one.
  static bool remove(Timer& timer);
  // Waits until the callback, if it runs on CPU `fired` (plus one; 0: none), has returned.
  static void wait_for_callback(const Timer& timer, std::uint32_t fired);
  static std::uint32_t fired_on(const Timer& timer) {
    return timer.place_.load(std::memory_order_acquire) >> Timer::kFiredShift;
  }
  void program_locked(Instant deadline) REQUIRES(lock_);

  SpinLock lock_{LockRank::kTimerQueue};
  IntrusiveMultiTree<Timer, &Timer::queue_hook, EarlierFirst> timers_ GUARDED_BY(lock_);
  std::atomic<Timer*> running_{nullptr};
  Instant programmed_ GUARDED_BY(lock_) = Instant::never();
};

namespace {
Global<PerCpu<TimerQueue>> queues;
}

TimerQueue& TimerQueue::of(std::uint32_t cpu_plus_one) { return queues->of(CpuId(cpu_plus_one - 1)); }

void TimerQueue::program_locked(Instant deadline) {
  programmed_ = deadline;
  clock_event().arm(deadline);
}

bool TimerQueue::remove(Timer& timer) {
  while (true) {
    const std::uint32_t place = timer.place_.load(std::memory_order_acquire);
    if ((place & Timer::kQueued) == 0) return false;
    TimerQueue& queue = of(place & Timer::kQueueMask);
    IrqSpinGuard guard(queue.lock_);
    // It may have fired, or moved by another's arm(), before the lock was ours.
    if (timer.place_.load(std::memory_order_relaxed) != place) continue;
    queue.timers_.erase(queue.timers_.iterator_to(timer));
    timer.place_.store(place & ~Timer::kQueued, std::memory_order_release);
    return true;
  }
}

void TimerQueue::wait_for_callback(const Timer& timer, std::uint32_t fired) {
  if (fired == 0) return;
  const TimerQueue& queue = of(fired);
  SpinWait wait;
  while (queue.running_.load(std::memory_order_acquire) == &timer) wait();
}

void TimerQueue::arm(Timer& timer, Instant deadline) {
  remove(timer);
  if (deadline.is_never()) return;
  const arch::InterruptState state = arch::interrupts_save_and_disable();
  const CpuId cpu = arch::current_cpu();
  {
    TimerQueue& queue = queues->of(cpu);
    IrqSpinGuard guard(queue.lock_);
    timer.deadline_ = deadline;
    queue.timers_.insert(timer);
    timer.place_.store((fired_on(timer) << Timer::kFiredShift) | Timer::kQueued | (cpu.index() + 1),
                       std::memory_order_release);
    if (deadline < queue.programmed_) queue.program_locked(deadline);
  }
  arch::interrupts_restore(state);
}

bool TimerQueue::cancel(Timer& timer) {
  // A callback may arm its timer again, so what it left behind is removed after it has ended.
  bool removed = remove(timer);
  wait_for_callback(timer, fired_on(timer));
  removed |= remove(timer);
  return removed;
}

void TimerQueue::run_due() {
  const std::uint32_t self = arch::current_cpu().index() + 1;
  while (true) {
    Timer* due = nullptr;
    std::uint32_t fired_before = 0;
    {
      IrqSpinGuard guard(lock_);
      if (timers_.empty()) {
        programmed_ = Instant::never();
        return;
      }
      Timer& first = *timers_.begin();
      if (first.deadline_ > now()) {
        program_locked(first.deadline_);
        return;
      }
      timers_.erase(timers_.begin());
      due = &first;
      fired_before = fired_on(first);
      running_.store(due, std::memory_order_relaxed);
      first.place_.store((self << Timer::kFiredShift) | self, std::memory_order_release);
    }
    // Its last run may still be going on elsewhere, if it was armed anew meanwhile. That run is in interrupt
    // context as well and needs nothing from this CPU, so waiting for it is short. cancel() waits for us.
    if (fired_before != self) wait_for_callback(*due, fired_before);
    due->callback_(*due);
    running_.store(nullptr, std::memory_order_release);
  }
}

Timer::~Timer() { ASSERT(!armed()); }

void Timer::arm(Instant deadline) { TimerQueue::arm(*this, deadline); }
bool Timer::cancel() { return TimerQueue::cancel(*this); }
bool Timer::armed() const { return (place_.load(std::memory_order_acquire) & kQueued) != 0; }

void initialise_timers() {
  queues.construct();
  set_vector_handler(kTimerVector, [](void*) { handle_timer_interrupt(); }, nullptr);
}

void handle_timer_interrupt() { queues->mine().run_due(); }

Instant next_timer_deadline() { return queues->mine().programmed(); }

}  // namespace mokapot
