// SPDX-License-Identifier: Apache-2.0
//
// The end of a no-preempt section where there is no scheduler: counts that one would have been called.

#include "fakes/preemption.h"

#include "sync/spinlock.h"

namespace mokapot {

std::uint64_t& fake::reschedules() {
  static thread_local std::uint64_t count = 0;
  return count;
}

void preempt_enable_and_check() {
  if (arch::preempt_enable()) ++fake::reschedules();
}

}  // namespace mokapot
