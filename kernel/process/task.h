// SPDX-License-Identifier: Apache-2.0
//
// A Linux task: a thread of the one process, with a thread id, signal state and the addresses that glibc
// registers per thread. The process itself is a set of globals in process.h.
//
// Locks: fields are of the owning thread unless they say otherwise; signal state has its own lock
// (signals.h). The table of tasks is guarded by a spinlock (rank kTask).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/ref_counted.h"
#include "base/types.h"
#include "process/signal_state.h"
#include "sched/thread.h"

namespace mokapot {

using ThreadId = std::int32_t;
inline constexpr ThreadId kProcessId = 1;  // also the first thread's id, as in a container

class Task final : public Thread {
 public:
  explicit Task(const char* name) : Thread(name) {}
  ~Task() override;

  ThreadId tid() const { return tid_; }

  SignalState signals;
  // What ucontext shows of the last fault: trap number, error code, address.
  struct LastFault { std::uint64_t trap = 0, error = 0, address = 0; } last_fault;

  // set_tid_address, CLONE_CHILD_CLEARTID: cleared and futex-woken at exit. 0: none.
  VirtAddr clear_child_tid;
  // set_robust_list.
  VirtAddr robust_list;
  // rseq area; updated on the way back to the application after a migration.
  VirtAddr rseq_area;
  std::uint32_t rseq_length = 0;
  std::uint32_t rseq_signature = 0;
  // Has the area written on the way back to the application; take_rseq_refresh says once whether that is due.
  void request_rseq_refresh() { return_work_.fetch_or(kMigrationWork, std::memory_order_relaxed); }
  bool take_rseq_refresh() {
    return (return_work_.fetch_and(~kMigrationWork, std::memory_order_relaxed) & kMigrationWork) != 0;
  }

  // Voluntary and forced switches, faults: getrusage.
  std::atomic<std::uint64_t> minor_faults{0}, major_faults{0};

  TreeHook table_hook;  // TaskTable::tree_

 private:
  friend class TaskTable;
  void on_reaped() override;
  void on_migrated(CpuId cpu) override;
  ThreadId tid_ = 0;
};

// The calling thread must be a task (not a kernel thread).
Task& current_task();
bool current_is_task();

void initialise_task_table();  // boot
// Gives the task its id (the first one kProcessId) and makes it visible. Before start().
Result<void> enter_task_table(Task& task);
// Takes the task out; returns how many are left.
std::uint32_t leave_task_table(Task& task);

// Every live task. visit runs under the table's spinlock: it must not block.
void for_each_task(void (*visit)(Task& task, void* context), void* context);
RefPtr<Task> find_task(ThreadId tid);
std::uint32_t task_count();

}  // namespace mokapot
