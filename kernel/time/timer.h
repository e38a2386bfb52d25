// SPDX-License-Identifier: Apache-2.0
//
// Timers: call a function at a moment. Each CPU has a queue ordered by deadline and programs its
// ClockEvent for the earliest. A timer fires on the CPU where it was armed.
//
// Lock: one spinlock a queue (rank kTimerQueue), interrupts off. Callbacks run in interrupt context
// without the queue's lock.
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
  Callback callback_;
  Instant deadline_;
  std::atomic<std::uint32_t> cpu_plus_one_{0};  // which queue holds it; 0: none

 public:
  TreeHook queue_hook;  // TimerQueue::timers_
};

void initialise_timers();       // boot, once
void handle_timer_interrupt();  // kTimerVector

}  // namespace mokapot
