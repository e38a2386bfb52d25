// SPDX-License-Identifier: Apache-2.0

#include "drivers/fake_blocking.h"

#include "sched/thread.h"
#include "sched/wait_queue.h"

namespace mokapot {

Thread::Thread(const char*) {}
Thread::~Thread() = default;
void Thread::wake() {}

Thread& current_thread() {
  static Thread thread("test");
  return thread;
}
void prepare_to_block() {}
void cancel_block() {}
WakeReason block(Instant, Interruptible) {
  if (!fake::while_blocked) panic("the thread blocked, and nothing would ever wake it");
  fake::while_blocked();
  return WakeReason::kWoken;
}

Result<void> sleep_until(Instant deadline, Interruptible interruptible) {
  (void)block(deadline, interruptible);
  return {};
}

Waiter::Waiter() : callback_(nullptr), context_(nullptr) {}
Waiter::~Waiter() = default;
void WaitQueue::add(Waiter&) {}
void WaitQueue::remove(Waiter&) {}
void WaitQueue::wake_one() { ++fake::wakes; }
void WaitQueue::wake_all() { ++fake::wakes; }

}  // namespace mokapot
