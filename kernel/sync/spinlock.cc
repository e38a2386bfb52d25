// SPDX-License-Identifier: Apache-2.0
//
// The slow half of the ticket lock: waiting for one's turn.

#include "sync/spinlock.h"

#include "sync/spin_wait.h"

namespace mokapot {

void SpinLock::wait_for_turn(std::uint16_t ticket) {
  // Only loads until the turn comes, so that the line is shared and not bounced between waiters.
  // Acquire: what the holder before us wrote under the lock is ours to see.
  SpinWait wait;
  while (now_serving_.load(std::memory_order_acquire) != ticket) wait();
}

}  // namespace mokapot
