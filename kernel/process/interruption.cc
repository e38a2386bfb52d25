// SPDX-License-Identifier: Apache-2.0
//
// See interruption.h.

#include "process/interruption.h"

#include "process/process.h"
#include "process/signals.h"
#include "process/task.h"

namespace mokapot {

bool signal_ends_wait() {
  if (!current_is_task()) return true;
  Task& task = current_task();
  // Cleared before the look: a signal that is sent after it sets the mark anew.
  task.clear_interrupt();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const SignalSet blocked = task.signals.blocked.load(std::memory_order_relaxed);
  if (!process_ended() && (pending_signals(task) & ~blocked) == 0) return false;
  task.interrupt();
  return true;
}

}  // namespace mokapot
