// SPDX-License-Identifier: Apache-2.0
//
// On which CPU a runnable thread waits, and how that CPU learns of it.
//
// Placement: the CPU that it ran on if that is idle, else an idle one, else the one with the shorter queue of where it is
// woken and where it ran. What that gets wrong is put right by idle CPUs, which steal, and by the tick, which pushes
// threads from a CPU to another whose load is less by two or more. A thread that serves interrupts runs where the interrupt came,
// and the first that it wakes runs there after it.
//
// Telling a CPU: its own by the reschedule flag; one whose idle thread polls by nothing, since it looks at
// its queue all the time; others by kRescheduleVector, at most one under way for each CPU.

#include <bit>
#include <utility>

#include "irq/irq.h"
#include "sched/kick_batch.h"
#include "sched/scheduler.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// CPUs that schedule, and those of them whose idle thread runs and that no waker has picked yet. Hints, but
// for the first: relaxed order is enough for choosing.
constinit std::atomic<CpuMask> active{0};
constinit std::atomic<CpuMask> idle{0};

CpuId first_of(CpuMask mask) { return CpuId(static_cast<std::uint32_t>(std::countr_zero(mask))); }

// Takes cpu for the caller's thread, so that two wakers do not pick the same while others are idle.
bool claim_idle(CpuId cpu) {
  return (idle.fetch_and(~cpu_bit(cpu), std::memory_order_relaxed) & cpu_bit(cpu)) != 0;
}

}  // namespace

CpuMask Scheduler::active_cpus() { return active.load(std::memory_order_acquire); }
void Scheduler::activate_cpu(CpuId cpu) { active.fetch_or(cpu_bit(cpu), std::memory_order_acq_rel); }

void Scheduler::set_cpu_idle(CpuId cpu, bool is_idle) {
  const bool was_idle = (idle.load(std::memory_order_relaxed) & cpu_bit(cpu)) != 0;
  if (is_idle == was_idle) return;
  if (is_idle) idle.fetch_or(cpu_bit(cpu), std::memory_order_relaxed);
  else idle.fetch_and(~cpu_bit(cpu), std::memory_order_relaxed);
}

CpuId Scheduler::choose_cpu(const Thread& thread) {
  CpuMask allowed = thread.affinity() & active_cpus();
  // CPUs that are not up yet: run it somewhere all the same.
  if (allowed == 0) allowed = active_cpus();
  const CpuId here = arch::current_cpu();
  const bool follows = policy::wakes_at_waker(arch::in_interrupt(), thread.serves_interrupts(),
                                              current_thread().serves_interrupts(), of(here).queue.waiting());
  if (follows && (allowed & cpu_bit(here)) != 0) {
    (void)claim_idle(here);
    return here;
  }
  const CpuId last = thread.last_cpu();
  CpuMask candidates = idle.load(std::memory_order_relaxed) & allowed;
  if ((candidates & cpu_bit(last)) != 0 && claim_idle(last)) return last;
  for (candidates &= ~cpu_bit(last); candidates != 0; candidates &= candidates - 1) {
    if (claim_idle(first_of(candidates))) return first_of(candidates);
  }
  return choose_busy_cpu(thread, allowed);
}

// No CPU is idle. A worker of a pause goes where no other is: they would wait for each other while a CPU
// runs what can wait. Who wakes it is about to block.
CpuId Scheduler::choose_busy_cpu(const Thread& thread, CpuMask allowed) {
  const CpuId last = thread.last_cpu();
  const CpuId usual = (allowed & cpu_bit(last)) != 0 ? last : first_of(allowed);
  if (!thread.in_pause()) {
    const CpuId here = arch::current_cpu();
    return (allowed & cpu_bit(here)) != 0 && policy::wakes_here(of(here).queue.load(), of(usual).queue.load()) ? here : usual;
  }
  const auto urgent_on = [](CpuId cpu) {
    const std::uint32_t count = of(cpu).queue.urgent();
    const bool waker = cpu == arch::current_cpu() && !arch::in_interrupt() && current_thread().in_pause();
    return waker && count != 0 ? count - 1 : count;
  };
  CpuId best = usual;
  for (; allowed != 0; allowed &= allowed - 1) {
    if (urgent_on(first_of(allowed)) < urgent_on(best)) best = first_of(allowed);
  }
  return best;
}

Scheduler::Kick Scheduler::insert_awake(SchedulerCpu& cpu, Thread& thread) {
  policy::VirtualRuntime& own = thread.scheduling_.virtual_runtime;
  own = policy::place_waking(own, cpu.queue.minimum(), thread.thread_class(), thread.in_pause());
  cpu.queue.insert(thread);
  if (cpu.queue.current_is_idle()) return Kick::kPreempt;
  cpu.queue.account(now());
  cpu.queue.begin_wait(thread);
  if (policy::waking_preempts(own, cpu.queue.current().scheduling_.virtual_runtime)) return Kick::kPreempt;
  return Kick::kWatch;
}

void Scheduler::kick(CpuId target, Kick kick) {
  if (kick == Kick::kNone) return;
  SchedulerCpu& cpu = of(target);
  if (target == arch::current_cpu()) {
    if (kick == Kick::kPreempt) arch::set_reschedule_pending(true);
    else watch_waiting(cpu);
    return;
  }
  // Pairs with the idle loop, which clears `polling` and then looks at the queue; RunQueue::insert wrote the
  // queue's count before this.
  if (cpu.polling.load(std::memory_order_seq_cst)) return;
  // A CPU whose tick runs finds a thread that need not preempt by itself.
  if (kick == Kick::kWatch && cpu.tick.armed()) return;
  if (kick == Kick::kPreempt) cpu.preemption_requested.store(true, std::memory_order_release);
  send_kick(target);
}

void Scheduler::send_kick(CpuId target) {
  if (SchedulerCpu& here = mine(); here.kick_batches != 0) {
    here.kicks_due |= cpu_bit(target);  // not under way yet: others' kicks to it are not to wait for this CPU
    return;
  }
  if (of(target).kick_under_way.exchange(true, std::memory_order_acq_rel)) return;
  cpu_interrupt_controller().send_to_cpu(target, kRescheduleVector);
}

void Scheduler::end_kick_batch() {
  SchedulerCpu& here = mine();
  if (--here.kick_batches != 0) return;
  for (CpuMask due = std::exchange(here.kicks_due, 0); due != 0; due &= due - 1)
    send_kick(first_of(due));
}

KickBatch::KickBatch() {
  arch::preempt_disable();
  ++Scheduler::mine().kick_batches;  // an interrupt in the middle leaves the number as it was
}

KickBatch::~KickBatch() {
  {
    InterruptGuard stay;
    Scheduler::end_kick_batch();
  }
  preempt_enable_and_check();
}

void Scheduler::notify_running(Thread& thread) {
  InterruptGuard stay;
  bool runs = false;
  CpuId where;
  while (true) {
    where = thread.last_cpu();
    IrqSpinGuard guard(of(where).queue.lock());
    if (thread.last_cpu() != where) continue;
    // One that waits for its CPU, or for which another is looking, comes by the look when it runs.
    runs = thread.scheduling_.place == Thread::Place::kRunning;
    break;
  }
  if (runs && where != arch::current_cpu()) send_kick(where);
}

void Scheduler::handle_kick() {
  SchedulerCpu& cpu = mine();
  // First, so that a kick from here on sends a new interrupt.
  cpu.kick_under_way.exchange(false, std::memory_order_acq_rel);
  if (cpu.preemption_requested.exchange(false, std::memory_order_acq_rel)) {
    arch::set_reschedule_pending(true);
  }
  watch_waiting(cpu);
}

// This CPU must look again in a while if somebody waits for it. Interrupts off, no queue locked.
void Scheduler::watch_waiting(SchedulerCpu& cpu) {
  if (cpu.queue.waiting() != 0 && !cpu.tick.armed()) cpu.tick.arm(now() + policy::kTick);
}

void Scheduler::handle_tick() {
  SchedulerCpu& cpu = mine();
  const CpuId self = arch::current_cpu();
  RunQueue& queue = cpu.queue;
  Thread* moving = nullptr;
  CpuId target;
  {
    IrqSpinGuard guard(queue.lock());
    queue.account(now());
    Thread* first = queue.first();
    if (first == nullptr) return;
    if (queue.current_is_idle() || first->scheduling_.virtual_runtime <
                                       queue.current().scheduling_.virtual_runtime) {
      arch::set_reschedule_pending(true);
    }
    std::uint32_t least = queue.load();
    for (CpuMask others = active_cpus() & ~cpu_bit(self); others != 0; others &= others - 1) {
      const CpuId other = first_of(others);
      const std::uint32_t load = of(other).queue.load();
      if (load >= least || !policy::worth_moving(queue.load(), load)) continue;
      if (Thread* candidate = queue.movable_to(other)) {
        least = load;
        moving = candidate;
        target = other;
      }
    }
    if (moving != nullptr) queue.begin_move(*moving);
  }
  if (moving != nullptr) move_to(target, *moving);
  watch_waiting(cpu);
}

bool Scheduler::steal_for(CpuId thief) {
  CpuId victim = thief;
  std::uint32_t most = 0;
  for (CpuMask others = active_cpus() & ~cpu_bit(thief); others != 0; others &= others - 1) {
    const CpuId other = first_of(others);
    const std::uint32_t waiting = of(other).queue.waiting();
    if (waiting <= most) continue;
    most = waiting;
    victim = other;
  }
  if (most == 0) return false;
  Thread* loot = nullptr;
  {
    RunQueue& queue = of(victim).queue;
    IrqSpinGuard guard(queue.lock());
    // An idle CPU that has just been given a thread is on its way to run it.
    if (queue.current_is_idle() && queue.load() <= 1) return false;
    loot = queue.movable_to(thief);
    if (loot == nullptr) return false;
    queue.begin_move(*loot);
  }
  move_to(thief, *loot);
  return true;
}

// Interrupts off, so that the thread is not left between two queues for long.
void Scheduler::move_to(CpuId target, Thread& thread) {
  while (true) {
    SchedulerCpu& cpu = of(target);
    Kick needed = Kick::kNone;
    CpuId elsewhere = target;
    {
      IrqSpinGuard guard(cpu.queue.lock());
      // set_affinity writes the mask and then looks where the thread is; this writes where it is and then
      // looks at the mask. With both in sequentially consistent order one of the two sees the other.
      thread.last_cpu_.exchange(target.index(), std::memory_order_seq_cst);
      if (!may_run_on(thread, target) && (thread.affinity() & active_cpus()) != 0) {
        elsewhere = choose_cpu(thread);
      } else {
        cpu.queue.end_move(thread);
        needed = insert_awake(cpu, thread);
      }
    }
    if (needed != Kick::kNone) {
      kick(target, needed);
      return;
    }
    target = elsewhere;
  }
}

void Scheduler::place(Thread& thread) { move_to(choose_cpu(thread), thread); }

void Scheduler::start(Thread& thread) {
  ASSERT(thread.state() == ThreadState::kNew);
  thread.add_reference();  // the scheduler's, until the thread is reaped
  add_to_all(thread);
  InterruptGuard interrupts_off;
  thread.last_cpu_.store(arch::current_cpu().index(), std::memory_order_relaxed);
  thread.state_.store(ThreadState::kRunnable, std::memory_order_release);
  place(thread);
}

void Scheduler::set_affinity(Thread& thread, CpuMask mask) {
  ASSERT(mask != 0);
  thread.affinity_.store(mask, std::memory_order_seq_cst);
  InterruptGuard interrupts_off;
  while (true) {
    const CpuId last = thread.last_cpu();
    SchedulerCpu& cpu = of(last);
    SwitchLock::take(cpu.queue.lock());
    if (thread.last_cpu_.load(std::memory_order_seq_cst) != last.index()) {
      SwitchLock::release(cpu.queue.lock());
      continue;
    }
    const Thread::Place where = thread.scheduling_.place;
    const bool must_move = (mask & cpu_bit(last)) == 0 && (mask & active_cpus()) != 0;
    if (must_move && where == Thread::Place::kWaiting) cpu.queue.begin_move(thread);
    SwitchLock::release(cpu.queue.lock());
    // Blocked or between two queues: whoever puts it on one looks at the mask. Running: its CPU must
    // switch, and finds it displaced.
    if (must_move && where == Thread::Place::kWaiting) place(thread);
    if (must_move && where == Thread::Place::kRunning) kick(last, Kick::kPreempt);
    return;
  }
}

void Scheduler::apply_weight(Thread& thread) {
  while (true) {
    const CpuId last = thread.last_cpu();
    RunQueue& queue = of(last).queue;
    IrqSpinGuard guard(queue.lock());
    if (thread.last_cpu() != last) continue;
    // What it has used so far is charged at the old weight.
    if (thread.scheduling_.place == Thread::Place::kRunning) queue.account(now());
    thread.scheduling_.weight = policy::weight_of(thread.scheduling_policy(), thread.nice());
    return;
  }
}

void Scheduler::apply_class(Thread& thread, policy::ThreadClass thread_class) {
  while (true) {
    const CpuId last = thread.last_cpu();
    IrqSpinGuard guard(of(last).queue.lock());
    if (thread.last_cpu() != last) continue;
    thread.thread_class_.store(thread_class, std::memory_order_relaxed);
    thread.in_pause_.store(thread_class == policy::ThreadClass::kPauseWorker, std::memory_order_relaxed);
    if (traced() && thread_class != policy::ThreadClass::kOrdinary) trace_class(thread);
    return;
  }
}

Duration Scheduler::waited_for_cpu(const Thread& thread) {
  while (true) {
    const CpuId last = thread.last_cpu();
    IrqSpinGuard guard(of(last).queue.lock());
    if (thread.last_cpu() == last) return thread.scheduling_.waited;
  }
}

Duration Scheduler::cpu_time(const Thread& thread) {
  while (true) {
    const CpuId last = thread.last_cpu();
    RunQueue& queue = of(last).queue;
    IrqSpinGuard guard(queue.lock());
    if (thread.last_cpu() != last) continue;
    const Thread::Scheduling& scheduling = thread.scheduling_;
    if (scheduling.place != Thread::Place::kRunning) return scheduling.used;
    const Duration since = now() - scheduling.running_since;
    return since > Duration() ? scheduling.used + since : scheduling.used;
  }
}

}  // namespace mokapot
