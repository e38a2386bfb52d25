// SPDX-License-Identifier: Apache-2.0
//
// A thread's life: made, started, renamed, reaped; and the list of all of them.
//
// Lock: all_lock (rank kTask, interrupts off: timers on CPU time sum it up) guards the list and the totals of
// threads that have ended.

#include "sched/thread.h"

#include <algorithm>

#include "base/global.h"
#include "memory/heap.h"
#include "sched/scheduler.h"

namespace mokapot {
namespace {

using AllThreads = IntrusiveList<Thread, &Thread::all_threads_hook>;

constinit SpinLock all_lock{LockRank::kTask};
constinit Global<AllThreads> all_threads GUARDED_BY(all_lock);
constinit ApplicationUsage ended GUARDED_BY(all_lock);
constinit std::atomic<std::uint32_t> live_threads{0};
constinit bool classes_ignored = false;  // const after boot

void add_usage(ApplicationUsage& total, const Thread& thread) {
  total.cpu_time = total.cpu_time + thread.cpu_time();
  total.voluntary_switches += thread.voluntary_switches();
  total.forced_switches += thread.forced_switches();
}

}  // namespace

Thread::Thread(const char* name) { set_name(name); }

Thread::~Thread() {
  ASSERT(!run_queue_hook.is_linked() && !all_threads_hook.is_linked());
  if (owns_stack_) free_kernel_stack(stack_);
  heap_free(extended_state_);
}

Result<void> Thread::initialise(Entry entry, void* argument, Runs runs) {
  stack_ = TRY(allocate_kernel_stack());
  owns_stack_ = true;
  runs_ = runs;
  entry_ = entry;
  argument_ = argument;
  if (runs == Runs::kApplication) {
    extended_state_ = heap_allocate(arch::extended_state_size(), 64);
    if (extended_state_ == nullptr) return Errno::kENOMEM;  // the destructor frees the stack
    arch::initialise_extended_state(extended_state_);
  }
  arch::prepare_context(context_, stack_.top, Scheduler::first_entry, this);
  return {};
}

void Thread::start() { Scheduler::start(*this); }

void Thread::wake() { Scheduler::wake(*this, WakeReason::kWoken); }

void Thread::interrupt() {
  return_work_.fetch_or(kInterruptWork, std::memory_order_release);
  if (!Scheduler::wake(*this, WakeReason::kInterrupted)) Scheduler::notify_running(*this);
}

void Thread::set_name(const char* name) {
  std::size_t length = 0;
  while (length + 1 < sizeof name_ && name[length] != '\0') {
    name_[length] = name[length];
    ++length;
  }
  // All of it, so that no reader finds the end of an older, longer name.
  while (length < sizeof name_) name_[length++] = '\0';
  if (runs_ == Runs::kApplication && !classes_ignored) Scheduler::apply_class(*this, policy::class_of(name_));
}

Duration Thread::cpu_time() const { return Scheduler::cpu_time(*this); }
Duration Thread::waited_for_cpu() const { return Scheduler::waited_for_cpu(*this); }
void Thread::set_nice(int nice) {
  nice_.store(std::clamp(nice, policy::kLowestNice, policy::kHighestNice), std::memory_order_relaxed);
  Scheduler::apply_weight(*this);
}
void Thread::set_policy(policy::Policy policy, int priority) {
  policy_.store(policy, std::memory_order_relaxed);
  priority_.store(priority, std::memory_order_relaxed);
  Scheduler::apply_weight(*this);
}
void Thread::set_affinity(CpuMask mask) { Scheduler::set_affinity(*this, mask); }

void Thread::set_thread_pointer(std::uint64_t base) {
  if (this == &current_thread()) {
    Scheduler::set_thread_pointer(*this, base);
  } else {
    thread_pointer_ = base;  // before start()
  }
}

Thread& current_thread() {
  // SAFETY: only the scheduler sets it, and only to a Thread.
  return *static_cast<Thread*>(arch::current_thread_pointer());
}

Result<RefPtr<Thread>> start_kernel_thread(const char* name, Thread::Entry entry, void* argument) {
  RefPtr<Thread> thread = TRY(make_ref<Thread>(name));
  TRY(thread->initialise(entry, argument, Runs::kKernelOnly));
  thread->start();
  return thread;
}

void Scheduler::add_to_all(Thread& thread) {
  IrqSpinGuard guard(all_lock);
  if (!all_threads.constructed()) all_threads.construct();
  all_threads->push_back(thread);
  live_threads.fetch_add(1, std::memory_order_relaxed);
}

// On another thread's stack, interrupts off, no lock held. The thread is dead and no CPU uses its stack.
void Scheduler::reap(Thread& thread) {
  {
    IrqSpinGuard guard(all_lock);
    all_threads->erase(all_threads->iterator_to(thread));
    if (thread.runs_ == Runs::kApplication) add_usage(ended, thread);
  }
  live_threads.fetch_sub(1, std::memory_order_relaxed);
  // What is large goes now; the rest stays while somebody holds a reference (a join, a look-up by id).
  if (thread.owns_stack_) free_kernel_stack(thread.stack_);
  thread.owns_stack_ = false;
  heap_free(thread.extended_state_);
  thread.extended_state_ = nullptr;
  thread.on_reaped();
  thread.drop_reference();
}

void ignore_thread_classes() { classes_ignored = true; }

void for_each_thread(void (*visit)(Thread& thread, void* context), void* context) {
  IrqSpinGuard guard(all_lock);
  for (Thread& thread : *all_threads) visit(thread, context);
}

void for_each_stopped_thread(void (*visit)(Thread& thread, void* context), void* context) NO_THREAD_SAFETY_ANALYSIS {
  if (!all_threads.constructed()) return;
  for (Thread& thread : *all_threads) visit(thread, context);
}

std::uint32_t thread_count() { return live_threads.load(std::memory_order_relaxed); }

ApplicationUsage application_usage() {
  IrqSpinGuard guard(all_lock);
  ApplicationUsage total = ended;
  for (const Thread& thread : *all_threads) {
    if (thread.runs() == Runs::kApplication) add_usage(total, thread);
  }
  total.split = split_of_application().divide(total.cpu_time);
  return total;
}

}  // namespace mokapot
