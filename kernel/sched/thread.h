// SPDX-License-Identifier: Apache-2.0
//
// A thread of execution: kernel stack, saved context, vector state, scheduling state. What makes it a
// Linux task (tid, signals, futex list) is added by process/ through derivation.
//
// Locks: state_ is atomic and changes only by the blocking protocol below; the fields of scheduling_ are
// guarded by the run queue's lock of last_cpu_, which itself changes only under the lock of the queue that
// the thread joins. Objects are reference counted: one reference is held by whoever created the thread,
// one by the scheduler until the thread is dead and off its stack.
//
// Boot, in order: initialise_timers, initialise_cross_calls; initialise_scheduler on the boot CPU; then
// initialise_work_queue; run_idle_on_this_cpu on each further CPU, once it is online.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/context.h"
#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "memory/page_table.h"
#include "sched/policy.h"
#include "sched/time_split.h"
#include "sync/lock_order.h"

namespace mokapot {

namespace policy {
enum class ThreadClass : std::uint8_t;  // thread_class.h; zero is that of an ordinary thread
}

enum class ThreadState : std::uint8_t { kNew, kRunnable, kBlocked, kDead };
enum class Interruptible : std::uint8_t { kNo, kYes };
enum class WakeReason : std::uint8_t { kWoken, kTimedOut, kInterrupted };
// Whether a thread runs application code, and so has vector state and counts as the process's CPU time.
enum class Runs : std::uint8_t { kApplication, kKernelOnly };

class Thread : public RefCounted<Thread> {
 public:
  using Entry = void (*)(void* argument);

  explicit Thread(const char* name);
  virtual ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Allocates stack and vector state; kENOMEM. Then start() makes it runnable. A return from entry is
  // exit_current_thread().
  Result<void> initialise(Entry entry, void* argument, Runs runs = Runs::kApplication);
  void start();

  // Any context. Makes a blocked thread runnable; remembered if it is just about to block. Harmless if
  // it runs already.
  void wake();
  // As wake, and makes interruptible waits end with kInterrupted until clear_interrupt. Signals use it.
  void interrupt();
  void clear_interrupt() { return_work_.fetch_and(~kInterruptWork, std::memory_order_relaxed); }
  bool interrupt_pending() const { return (return_work_.load(std::memory_order_acquire) & kInterruptWork) != 0; }

  const char* name() const { return name_; }
  void set_name(const char* name);  // at most 15 characters are kept, as Linux does
  ThreadState state() const { return state_.load(std::memory_order_acquire); }
  policy::ThreadClass thread_class() const { return thread_class_.load(std::memory_order_relaxed); }
  bool in_pause() const { return in_pause_.load(std::memory_order_relaxed); }
  CpuId last_cpu() const { return CpuId(last_cpu_.load(std::memory_order_relaxed)); }
  Duration cpu_time() const;        // used so far, exact to now
  SplitTime split_cpu_time() { return split_.divide(cpu_time()); }
  Duration waited_for_cpu() const;  // while another ran there, up to the last time that it got one
  void set_nice(int nice);          // -20..19
  int nice() const { return nice_.load(std::memory_order_relaxed); }
  // Linux's policy and real-time priority (0 for the others). The nice value is kept beside it.
  void set_policy(policy::Policy policy, int priority);
  policy::Policy scheduling_policy() const { return policy_.load(std::memory_order_relaxed); }
  int real_time_priority() const { return priority_.load(std::memory_order_relaxed); }
  void set_affinity(CpuMask mask);  // never empty; moves the thread if need be
  CpuMask affinity() const { return affinity_.load(std::memory_order_relaxed); }
  // What it does is short and woken by interrupts: it runs on the CPU that took the interrupt, and those that it wakes go
  // on there when it blocks. Before the first wake.
  void set_serves_interrupts() { serves_interrupts_.store(true, std::memory_order_relaxed); }
  bool serves_interrupts() const { return serves_interrupts_.load(std::memory_order_relaxed); }
  KernelStack kernel_stack() const { return stack_; }
  void* extended_state() const { return extended_state_; }
  std::uint64_t thread_pointer() const { return thread_pointer_; }
  void set_thread_pointer(std::uint64_t base);  // of the calling thread, or before start()

  Runs runs() const { return runs_; }
  // For reports, from any context and without a lock: true a moment ago.
  bool was_on_cpu() const { return scheduling_.place == Place::kRunning; }
  Instant last_switch() const { return scheduling_.running_since; }  // when it last began or ceased to run
  arch::CodePosition parked_position() const { return arch::parked_position(context_, stack_); }  // while it does not run
  // Times that it blocked, and times that another took its CPU: getrusage.
  std::uint64_t voluntary_switches() const { return voluntary_switches_.load(std::memory_order_relaxed); }
  std::uint64_t forced_switches() const { return forced_switches_.load(std::memory_order_relaxed); }

  TreeHook run_queue_hook;    // RunQueue::waiting_
  std::atomic<Thread*> wake_link{nullptr};  // WakeList; null: in none
  ListHook all_threads_hook;  // the list behind for_each_thread
#ifdef MOKAPOT_DEBUG
  HeldLocks held_locks;      // sleeping locks; touched by this thread only
#endif

 protected:
  friend class Scheduler;
  friend class RunQueue;

  // Called on another thread's stack after the thread is dead and its stack is no longer in use, with
  // interrupts off and no lock held; must not block, nor may the destructor.
  virtual void on_reaped() {}
  // Called when the scheduler puts the thread on a CPU: rseq's cpu_id and the like. Interrupts off; must
  // not fault (set a flag for the way back to the application instead).
  virtual void on_migrated(CpuId) {}

  arch::SwitchContext context_;
  KernelStack stack_{};
  void* extended_state_ = nullptr;
  std::uint64_t thread_pointer_ = 0;
  std::atomic<ThreadState> state_{ThreadState::kNew};
  // Work before the thread returns to the application, a bit each: read by arch on the way (set_return_work).
  static constexpr std::uint32_t kInterruptWork = 1, kMigrationWork = 2;
  std::atomic<std::uint32_t> return_work_{0};
  std::atomic<std::uint32_t> last_cpu_{0};
  std::atomic<CpuMask> affinity_{~CpuMask{0}};
  std::atomic<int> nice_{0};
  std::atomic<int> priority_{0};
  std::atomic<policy::Policy> policy_{policy::Policy::kOther};
  // What the name says of it, and whether its present work is part of a pause. Written under the run queue's lock by
  // who names or wakes the thread; read anywhere.
  std::atomic<policy::ThreadClass> thread_class_{};
  std::atomic<bool> in_pause_{false};
  std::atomic<bool> serves_interrupts_{false};
  char name_[16] = {};

 private:
  friend void prepare_to_block();
  friend void cancel_block();
  void prepare_to_block();
  void cancel_block();

  // Where the thread stands with respect to its run queue.
  enum class Place : std::uint8_t { kOff, kWaiting, kRunning, kMoving };
  struct Scheduling {
    Place place = Place::kOff;
    WakeReason wake_reason = WakeReason::kWoken;
    std::uint32_t weight = policy::kNeutralWeight;
    bool counted_as_urgent = false;   // in its queue's urgent()
    // On the clock of its queue while on one; relative to that clock while it moves between two.
    policy::VirtualRuntime virtual_runtime = 0;
    Instant running_since;            // accounted up to here, while kRunning
    Duration used;                    // CPU time accounted
    Instant waiting_since;            // zero: nobody ran where it waits
    Duration waited;
  };
  Scheduling scheduling_;
  TimeSplit split_;
  // The CPU (plus one) that ran the thread last, and whose vector registers hold its state unless another
  // has been loaded there since. Written by the scheduler on that CPU.
  std::uint32_t loaded_on_ = 0;
  Runs runs_ = Runs::kKernelOnly;
  bool owns_stack_ = false;           // not the boot thread's and idle threads', which boot provided
  Entry entry_ = nullptr;             // const once initialised
  void* argument_ = nullptr;
  // Written by the scheduler under the run queue's lock, read anywhere.
  std::atomic<std::uint64_t> voluntary_switches_{0};
  std::atomic<std::uint64_t> forced_switches_{0};
};

Thread& current_thread();

// Makes and starts a kernel thread.
Result<RefPtr<Thread>> start_kernel_thread(const char* name, Thread::Entry entry, void* argument);
[[noreturn]] void exit_current_thread();

// Blocking protocol, for what WaitQueue does not cover:
//   prepare_to_block(); if (condition) cancel_block(); else reason = block(deadline, interruptible);
// A wake() between prepare and block is not lost. Thread context, nothing held.
void prepare_to_block();
void cancel_block();
WakeReason block(Instant deadline, Interruptible interruptible);

void yield();                       // lets others of the same priority run
void reschedule();                  // the scheduler itself, on the way out of interrupts; interrupts off
Result<void> sleep_until(Instant deadline, Interruptible interruptible);  // kEINTR

// Boot: the calling context becomes the boot CPU's first thread, whose stack is given; then one call on
// each further CPU, which never returns (it runs that CPU's idle thread).
void initialise_scheduler(KernelStack boot_stack);
[[noreturn]] void run_idle_on_this_cpu(KernelStack idle_stack);

// Boot. Names make no difference (thread_class.h); a line in the log for each switch.
void ignore_thread_classes();
void trace_scheduler();

// For procfs, watchdogs and panics. visit must not block.
void for_each_thread(void (*visit)(Thread& thread, void* context), void* context);
// The same without the lock, for a kernel whose threads stand still.
void for_each_stopped_thread(void (*visit)(Thread& thread, void* context), void* context);
std::uint32_t thread_count();
struct CpuTimes { Duration busy; Duration idle; SplitTime split; };  // split: busy's parts
CpuTimes cpu_times(CpuId cpu);
// Context switches of all CPUs since boot.
std::uint64_t context_switches();
// Threads that run or wait for a CPU: /proc/loadavg.
std::uint32_t runnable_threads();
// CPU time and switches of all application threads, ended ones included.
struct ApplicationUsage {
  Duration cpu_time;
  SplitTime split;  // cpu_time's parts
  std::uint64_t voluntary_switches = 0;
  std::uint64_t forced_switches = 0;
};
ApplicationUsage application_usage();

}  // namespace mokapot
