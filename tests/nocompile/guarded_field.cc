// SPDX-License-Identifier: Apache-2.0
//
// Reading a GUARDED_BY field without its lock is an error of the lint build. Proves that the analysis
// is switched on and that the kernel's lock types take part in it.
// expect: requires holding spinlock 'lock_'
#include "sync/spinlock.h"

namespace mokapot {

class Counter {
 public:
  int read() {
#ifndef MUST_FAIL
    IrqSpinGuard guard(lock_);
#endif
    return count_;
  }

 private:
  SpinLock lock_{LockRank::kTrace};
  int count_ GUARDED_BY(lock_) = 0;
};

int read(Counter& counter) { return counter.read(); }

}  // namespace mokapot
