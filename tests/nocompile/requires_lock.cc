// SPDX-License-Identifier: Apache-2.0
//
// A foo_locked() function that says REQUIRES(lock) cannot be called without the lock.
// expect: requires holding spinlock 'lock'
#include "sync/spinlock.h"

namespace mokapot {

inline constinit SpinLock lock{LockRank::kTrace};
void change_locked() REQUIRES(lock);

void change() {
#ifndef MUST_FAIL
  SpinGuard guard(lock);
#endif
  change_locked();
}

}  // namespace mokapot
