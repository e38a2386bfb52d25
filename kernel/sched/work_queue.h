// SPDX-License-Identifier: Apache-2.0
//
// Deferred work: interrupt handlers hand items over, a kernel thread runs them in order in thread
// context. Lock: spinlock (rank kWaitQueue). An item is queued at most once at a time.
#pragma once

#include <atomic>

#include "base/intrusive.h"

namespace mokapot {

class WorkItem {
 public:
  using Function = void (*)(WorkItem& item);
  explicit WorkItem(Function function) : function_(function) {}
  ListHook queue_hook;  // the work queue's list
  void run() { function_(*this); }
  std::atomic<bool> queued{false};

 private:
  Function function_;
};

void initialise_work_queue();       // boot, after the scheduler
void enqueue_work(WorkItem& item);  // any context but NMI; no-op if already queued

}  // namespace mokapot
