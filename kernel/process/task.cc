// SPDX-License-Identifier: Apache-2.0
#include "process/task.h"

#include "base/global.h"
#include "process/pending_signal.h"
#include "sync/spinlock.h"

namespace mokapot {

// Thread ids ascend and wrap as on Linux, so that an id is not soon reused.
class TaskTable {
 public:
  static constexpr ThreadId kMostIds = 4 * 1024 * 1024;  // /proc/sys/kernel/pid_max

  Result<void> enter(Task& task) EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    if (count_ >= static_cast<std::uint32_t>(kMostIds) - 1) return Errno::kEAGAIN;
    do {
      task.tid_ = next_;
      next_ = next_ + 1 == kMostIds ? kProcessId + 1 : next_ + 1;
    } while (tree_.find(task.tid_, ById{}) != tree_.end());
    tree_.insert(task);
    ++count_;
    return {};
  }
  std::uint32_t leave(Task& task) EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    tree_.erase(tree_.iterator_to(task));
    gone_ += task.transfers();
    return --count_;
  }
  Task::Transfers transfers() EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    Task::Transfers sum = gone_;
    for (const Task& task : tree_) sum += task.transfers();
    return sum;
  }
  RefPtr<Task> find(ThreadId tid) EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    const auto found = tree_.find(tid, ById{});
    return found == tree_.end() ? RefPtr<Task>() : RefPtr<Task>(&*found);
  }
  void for_each(void (*visit)(Task&, void*), void* context) EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    for (Task& task : tree_) visit(task, context);
  }
  std::uint32_t count() EXCLUDES(lock_) {
    IrqSpinGuard guard(lock_);
    return count_;
  }

 private:
  struct ById {
    bool operator()(const Task& a, const Task& b) const { return a.tid() < b.tid(); }
    bool operator()(ThreadId a, const Task& b) const { return a < b.tid(); }
    bool operator()(const Task& a, ThreadId b) const { return a.tid() < b; }
  };
  SpinLock lock_{LockRank::kTask};
  IntrusiveTree<Task, &Task::table_hook, ById> tree_ GUARDED_BY(lock_);
  ThreadId next_ GUARDED_BY(lock_) = kProcessId;
  std::uint32_t count_ GUARDED_BY(lock_) = 0;
  Task::Transfers gone_ GUARDED_BY(lock_);  // of tasks that have left
};

namespace {
Global<TaskTable> table;
}  // namespace

Task::~Task() { drop_pending_signals(signals); }

Task::Transfers& Task::Transfers::operator+=(const Transfers& other) {
  read_bytes += other.read_bytes;
  written_bytes += other.written_bytes;
  reads += other.reads;
  writes += other.writes;
  return *this;
}

Task::Transfers Task::transfers() const {
  return {read_bytes_.load(std::memory_order_relaxed), written_bytes_.load(std::memory_order_relaxed),
          reads_.load(std::memory_order_relaxed), writes_.load(std::memory_order_relaxed)};
}

void Task::on_reaped() {}

void Task::on_migrated(CpuId) { request_rseq_refresh(); }

Task& current_task() {
  DASSERT(current_is_task());
  return static_cast<Task&>(current_thread());
}

// Kernel threads have no vector state; every task has.
bool current_is_task() { return current_thread().extended_state() != nullptr; }

void initialise_task_table() { table.construct(); }
Result<void> enter_task_table(Task& task) { return table->enter(task); }
std::uint32_t leave_task_table(Task& task) { return table->leave(task); }
void for_each_task(void (*visit)(Task&, void*), void* context) { table->for_each(visit, context); }
RefPtr<Task> find_task(ThreadId tid) { return table->find(tid); }
std::uint32_t task_count() { return table->count(); }
Task::Transfers process_transfers() { return table->transfers(); }

}  // namespace mokapot
