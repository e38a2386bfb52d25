// SPDX-License-Identifier: Apache-2.0
//
// The scheduler proper; private to sched/. Who runs next on this CPU (scheduler.cc), where a thread that
// becomes runnable is put (placement.cc), and what a CPU does that has nothing to do (idle.cc).
//
// Locks: run queues' (rank kRunQueue), never two at once. The timer queue ranks below them, so timers are
// armed with no run queue locked.
// Contexts: waking is legal from any context but NMI; switching happens in thread context, or on the way
// out of an interrupt, with interrupts off and a preemption count of zero.
#pragma once

#include <atomic>

#include "sched/run_queue.h"
#include "sched/thread_class.h"
#include "sync/spinlock.h"
#include "time/timer.h"

namespace mokapot {

// Why the running thread gives up its CPU.
enum class SwitchCause : std::uint8_t { kBlocks, kPreempted, kYields, kExits };

// What belongs to a CPU. Fields without a note are touched by that CPU only, with interrupts off.
struct SchedulerCpu {
  RunQueue queue;

  // From the switch to the code after it, on the next thread's stack.
  Thread* previous = nullptr;
  bool previous_died = false;
  Thread* displaced = nullptr;  // was running here and may no longer: to be put elsewhere

  // Whose application state the registers hold.
  Thread* loaded_thread = nullptr;
  std::uint64_t loaded_thread_pointer = 0;

  Timer tick;                   // armed while a thread waits for this CPU
  Timer sample;                 // armed while it computes, and a while after
  bool begins_to_compute = false;  // from the switch from the idle thread to the code after it
  Instant idle_sample;          // the last one that found it idle
  Instant idle_since;
  policy::Polling poll;

  // Any CPU: the idle thread polls, so that no interrupt is needed to make it look.
  std::atomic<bool> polling{false};
  // Any CPU: an interrupt to this CPU is under way; and what it is to do.
  std::atomic<bool> kick_under_way{false};
  std::atomic<bool> preemption_requested{false};

  // This CPU: KickBatches that are open, and to which CPUs their end sends interrupts.
  unsigned kick_batches = 0;
  CpuMask kicks_due = 0;

  SchedulerCpu();
};

class Scheduler {
 public:
  // ---- scheduler.cc
  static void initialise(KernelStack boot_stack);
  [[noreturn]] static void run_idle_on_this_cpu(KernelStack idle_stack);
  static SchedulerCpu& mine();
  static SchedulerCpu& of(CpuId cpu);
  // Gives the CPU to who is to run next, if that is another. Returns when the caller runs again. Interrupts
  // off, preemption count zero.
  // The three that hold a queue's lock across the switch are beyond the compiler's analysis of locks.
  static void switch_from_current(SwitchCause cause) NO_THREAD_SAFETY_ANALYSIS;
  static void first_entry(void* thread);
  // Switches if that was asked for meanwhile. Thread context, interrupts on, preemption count zero.
  static void honour_pending_reschedule();
  static void set_thread_pointer(Thread& current, std::uint64_t base);
  static bool wake(Thread& thread, WakeReason reason);

  // ---- placement.cc
  // Makes a thread that RunQueue::begin_move took off a queue wait on a CPU of its choice. Interrupts off.
  static void place(Thread& thread);
  static void start(Thread& thread);
  static void set_affinity(Thread& thread, CpuMask mask);
  static void apply_weight(Thread& thread);  // after nice value or policy have changed
  static void apply_class(Thread& thread, policy::ThreadClass thread_class);  // after the name has
  static Duration cpu_time(const Thread& thread);
  static Duration waited_for_cpu(const Thread& thread);
  static CpuId choose_cpu(const Thread& thread);
  static CpuId choose_busy_cpu(const Thread& thread, CpuMask allowed);
  // What the CPU of a queue must be told after a thread has joined it, decided under the queue's lock and
  // done without it.
  enum class Kick : std::uint8_t { kNone, kWatch, kPreempt };
  static Kick insert_awake(SchedulerCpu& cpu, Thread& thread) REQUIRES(cpu.queue.lock());
  static void kick(CpuId target, Kick kick);
  // If the thread runs on another CPU, makes that pass through the kernel, where it looks for signals.
  static void notify_running(Thread& thread);
  static void end_kick_batch();         // interrupts off
  static void handle_kick();            // kRescheduleVector
  static void handle_tick();
  static void begin_sampling(SchedulerCpu& cpu);
  static void handle_sample();
  static bool steal_for(CpuId thief);   // one waiting thread from the longest queue
  static CpuMask active_cpus();
  static void activate_cpu(CpuId cpu);
  static void set_cpu_idle(CpuId cpu, bool idle);

  // ---- idle.cc
  [[noreturn]] static void idle_loop();
  static void idle_entry(void*);

  // ---- blocking.cc
  static WakeReason block(Instant deadline, Interruptible interruptible);

  // ---- scheduler_trace.cc
  // Any of these only if traced(). Interrupts off; a queue may be locked.
  static bool traced();
  static void trace_switch(const Thread& previous, const Thread& next, SwitchCause cause);
  static void trace_class(const Thread& thread);
  static void trace_batched(const Thread& thread, Duration later);

  // ---- thread.cc
  static void add_to_all(Thread& thread);
  static void reap(Thread& thread);

 private:
  static void switch_to(SchedulerCpu& cpu, Thread& next, Instant now) NO_THREAD_SAFETY_ANALYSIS;
  static void finish_switch() NO_THREAD_SAFETY_ANALYSIS;
  static void load_application_state(SchedulerCpu& cpu, Thread& thread);
  static void watch_waiting(SchedulerCpu& cpu);
  static void move_to(CpuId target, Thread& thread);
  static void send_kick(CpuId target);
  static bool may_run_on(const Thread& thread, CpuId cpu) {
    return (thread.affinity() & cpu_bit(cpu)) != 0;
  }
};

}  // namespace mokapot
