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

  // /proc/<pid>/io: what read and write and their like moved, and how many of them there were.
  struct Transfers {
    std::uint64_t read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
    Transfers& operator+=(const Transfers& other);
  };
  // Counted by the task itself. Any task may ask.
  void count_read(std::uint64_t bytes) { count(bytes, read_bytes_, reads_); }
  void count_write(std::uint64_t bytes) { count(bytes, written_bytes_, writes_); }
  Transfers transfers() const;

  TreeHook table_hook;  // TaskTable::tree_

 private:
  friend class TaskTable;
  void on_reaped() override;
  void on_migrated(CpuId cpu) override;
  static void count(std::uint64_t bytes, std::atomic<std::uint64_t>& sum, std::atomic<std::uint64_t>& calls) {
    sum.store(sum.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  ThreadId tid_ = 0;
  std::atomic<std::uint64_t> read_bytes_{0}, written_bytes_{0}, reads_{0}, writes_{0};  // one writer each
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
// Of all tasks, those that are gone too.
Task::Transfers process_transfers();

}  // namespace mokapot
