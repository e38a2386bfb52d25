// SPDX-License-Identifier: Apache-2.0
//
// The slow half of the spinlock: waiting for it.

#include "sync/spinlock.h"

#include "sync/spin_wait.h"

namespace mokapot {

void SpinLock::wait_and_lock() {
  SpinWait wait;
  do {
    // Only loads while it is held, so that the line is shared and not bounced between waiters.
    while (locked_.load(std::memory_order_relaxed)) wait();
    // Acquire: as in lock().
  } while (locked_.exchange(true, std::memory_order_acquire));
}

}  // namespace mokapot
