// SPDX-License-Identifier: Apache-2.0
//
// Timers: call a function at a moment. Each CPU has a queue ordered by deadline and programs its
// ClockEvent for the earliest. A timer fires on the CPU where it was armed.
//
// Lock: one spinlock a queue (rank kTimerQueue), interrupts off. Callbacks run in interrupt context
// without the queue's lock; a timer's callback never runs on two CPUs at once, and the queue does not
// touch the timer after its callback, so a callback may lead to the timer's end as long as whoever ends
// it calls cancel() first.
//
// Cancelling does not reprogram the ClockEvent: an interrupt that finds nothing due is cheaper than
// programming the device twice for each time-out that does not happen, which is nearly all of them.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/intrusive.h"
#include "base/types.h"

namespace mokapot {

class Timer {
 public:
  using Callback = void (*)(Timer& timer);
  explicit Timer(Callback callback) : callback_(callback) {}
  ~Timer();  // must not be armed

  // Arms for deadline, replacing an earlier arming. never() only cancels. Any context but NMI.
  void arm(Instant deadline);
  // After return the callback neither runs nor will run. Not from the callback itself, nor while holding
  // a lock that the callback takes. Returns true if it had been armed and did not fire.
  bool cancel();
  bool armed() const;
  Instant deadline() const { return deadline_; }

 private:
  friend class TimerQueue;
  // Where the timer is, in one word: the queue that it stands in or stood in last, whether it still
  // stands there, and the queue that ran its callback last. CPU numbers are plus one; 0: none.
  // Changes under the lock of the queue named by the queue field.
  static constexpr std::uint32_t kQueueMask = 0xff;
  static constexpr std::uint32_t kQueued = 0x100;
  static constexpr unsigned kFiredShift = 16;

  Callback callback_;
  Instant deadline_;
  std::atomic<std::uint32_t> place_{0};

 public:
  TreeHook queue_hook;  // TimerQueue::timers_
};

void initialise_timers();       // boot, once
void handle_timer_interrupt();  // kTimerVector; initialise_timers registers it
// The deadline that this CPU's ClockEvent is programmed for, for tests and diagnosis.
Instant next_timer_deadline();

}  // namespace mokapot
