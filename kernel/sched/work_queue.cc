// SPDX-License-Identifier: Apache-2.0
//
// See work_queue.h.

#include "sched/work_queue.h"

#include "base/global.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

class WorkQueue {
 public:
  void add(WorkItem& item) {
    {
      IrqSpinGuard guard(lock_);
      items_.push_back(item);
    }
    arrived_.wake_one();
  }

  [[noreturn]] void serve() {
    while (true) {
      WorkItem* item = nullptr;
      wait_until(arrived_, Instant::never(), Interruptible::kNo, [&] {
        item = take();
        return item != nullptr;
      });
      // Before it runs: an event from here on is news to the item and must queue it again. The item may end
      // its own life in run().
      item->queued.store(false, std::memory_order_release);
      item->run();
    }
  }

 private:
  WorkItem* take() {
    IrqSpinGuard guard(lock_);
    if (items_.empty()) return nullptr;
    WorkItem& item = items_.front();
    items_.pop_front();
    return &item;
  }

  SpinLock lock_{LockRank::kWaitQueue};
  IntrusiveList<WorkItem, &WorkItem::queue_hook> items_ GUARDED_BY(lock_);
  WaitQueue arrived_;
};

Global<WorkQueue> work_queue;

}  // namespace

void initialise_work_queue() {
  work_queue.construct();
  auto thread = start_kernel_thread("kworker/0", [](void*) { work_queue->serve(); }, nullptr);
  if (!thread) panic("no memory for the work queue's thread");
}

void enqueue_work(WorkItem& item) {
  if (item.queued.exchange(true, std::memory_order_acq_rel)) return;
  work_queue->add(item);
}

}  // namespace mokapot
