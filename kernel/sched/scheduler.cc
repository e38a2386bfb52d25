// SPDX-License-Identifier: Apache-2.0
//
// Switching and waking. The order of events that keeps wake-ups from being lost:
//
//   sleeper                                    waker
//   1 state = kBlocked (a full barrier)        1 makes the condition true
//   2 looks at the condition: false            2 a full barrier
//   3 locks its queue, leaves it if the        3 state is kBlocked? locks the queue of last_cpu_,
//     state is still kBlocked, switches          looks again, state = kRunnable, and puts the thread
//     away, and its successor unlocks            on a queue if it had left its own
//
// A sleeper preempted between 1 and 3 stays on its queue whatever its state: only kBlocks takes it off.

#include "sched/scheduler.h"

#include "arch/context.h"
#include "base/global.h"
#include "irq/irq.h"
#include "irq/lazy_flush.h"
#include "sync/context.h"
#include "sync/preempt.h"
#include "time/clock.h"

namespace mokapot {
namespace {

Global<PerCpu<SchedulerCpu>> cpus;

// The thread that a CPU runs when there is no other. Without it there is nothing to boot with.
Thread& make_idle_thread(CpuId cpu) {
  char name[16] = "swapper/0";
  name[8] = static_cast<char>('0' + cpu.index() / 10);
  name[9] = static_cast<char>('0' + cpu.index() % 10);
  Thread* idle = new (std::nothrow) Thread(name);
  if (idle == nullptr) panic("no memory for an idle thread");
  return *idle;
}

}  // namespace

SchedulerCpu::SchedulerCpu()
    : tick([](Timer&) { Scheduler::handle_tick(); }), sample([](Timer&) { Scheduler::handle_sample(); }) {}

SchedulerCpu& Scheduler::mine() { return cpus->mine(); }
SchedulerCpu& Scheduler::of(CpuId cpu) { return cpus->of(cpu); }

void Scheduler::initialise(KernelStack boot_stack) {
  cpus.construct();
  Thread* boot = new (std::nothrow) Thread("boot");
  if (boot == nullptr) panic("no memory for the boot thread");
  boot->stack_ = boot_stack;
  boot->state_.store(ThreadState::kRunnable, std::memory_order_relaxed);
  Thread& idle = make_idle_thread(CpuId(0));
  if (!idle.initialise(idle_entry, nullptr, Runs::kKernelOnly)) panic("no stack for an idle thread");
  idle.state_.store(ThreadState::kRunnable, std::memory_order_relaxed);
  {
    IrqSpinGuard guard(mine().queue.lock());
    mine().queue.begin(*boot, idle, now());
  }
  arch::set_current_thread_pointer(boot);
  arch::set_return_work(&boot->return_work_);
  add_to_all(*boot);
  set_vector_handler(kRescheduleVector, [](void*) { handle_kick(); }, nullptr);
  activate_cpu(CpuId(0));
  set_reschedule_hook(honour_pending_reschedule);
}

void Scheduler::run_idle_on_this_cpu(KernelStack idle_stack) {
  arch::interrupts_disable();
  const CpuId cpu = arch::current_cpu();
  Thread& idle = make_idle_thread(cpu);
  idle.stack_ = idle_stack;
  idle.last_cpu_.store(cpu.index(), std::memory_order_relaxed);
  idle.state_.store(ThreadState::kRunnable, std::memory_order_relaxed);
  {
    IrqSpinGuard guard(mine().queue.lock());
    mine().queue.begin(idle, idle, now());
  }
  mine().idle_since = now();
  arch::set_current_thread_pointer(&idle);
  arch::set_return_work(&idle.return_work_);
  arch::set_kernel_stack(idle_stack.bottom, idle_stack.top);
  activate_cpu(cpu);
  begin_lazy_flush();
  idle_loop();
}

void Scheduler::honour_pending_reschedule() {
  while (arch::reschedule_pending()) {
    arch::interrupts_disable();
    // An interrupt may have done it between the look and here.
    reschedule();
    arch::interrupts_enable();
  }
}

void Scheduler::switch_from_current(SwitchCause cause) {
  SchedulerCpu& cpu = mine();
  RunQueue& queue = cpu.queue;
  SwitchLock::take(queue.lock());
  // Cleared under the lock: who asks again from here on asks for a later switch.
  arch::set_reschedule_pending(false);
  Thread& previous = queue.current();
  const Instant time = now();
  queue.account(time);

  bool stays_runnable = true;
  if (cause == SwitchCause::kExits) {
    previous.state_.store(ThreadState::kDead, std::memory_order_release);
    stays_runnable = false;
  } else if (cause == SwitchCause::kBlocks) {
    if (previous.state_.load(std::memory_order_relaxed) != ThreadState::kBlocked) {
      SwitchLock::release(queue.lock());  // woken between prepare_to_block and here
      return;
    }
    stays_runnable = false;
  }

  Thread* next = queue.first();
  if (!stays_runnable) {
    queue.remove(previous);
  } else if (!queue.current_is_idle()) {
    if (!may_run_on(previous, arch::current_cpu())) {
      queue.begin_move(previous);
      cpu.displaced = &previous;
    } else {
      const policy::VirtualRuntime first = next != nullptr ? next->scheduling_.virtual_runtime : 0;
      policy::VirtualRuntime& own = previous.scheduling_.virtual_runtime;
      if (next == nullptr || (cause == SwitchCause::kPreempted && own <= first)) {
        SwitchLock::release(queue.lock());
        return;
      }
      // A yield is worth one turn of whoever is first now, and no more.
      if (cause == SwitchCause::kYields && own <= first) own = first + 1;
      queue.requeue_current();
    }
  }
  if (next == nullptr) next = queue.idle_thread();
  if (next == &previous) {
    SwitchLock::release(queue.lock());
    return;
  }
  auto& counter = stays_runnable ? previous.forced_switches_ : previous.voluntary_switches_;
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  cpu.previous_died = cause == SwitchCause::kExits;
  if (traced()) trace_switch(previous, *next, cause);
  switch_to(cpu, *next, time);
}

void Scheduler::switch_to(SchedulerCpu& cpu, Thread& next, Instant time) {
  RunQueue& queue = cpu.queue;
  Thread& previous = queue.current();
  if (&previous == queue.idle_thread()) {
    cpu.poll = policy::next_polling(cpu.poll, time - cpu.idle_since);
    set_cpu_idle(arch::current_cpu(), false);
    end_lazy_flush();
    cpu.begins_to_compute = true;
  } else if (&next == queue.idle_thread()) {
    cpu.idle_since = time;
    set_cpu_idle(arch::current_cpu(), true);
    begin_lazy_flush();
  }
  queue.set_current(next, time);
  cpu.previous = &previous;
  // Saved whoever comes next: the thread may be woken on another CPU as soon as the lock is released.
  // A thread that is dead has nothing to save.
  if (previous.extended_state_ != nullptr && !cpu.previous_died) {
    arch::save_extended_state(previous.extended_state_);
  }
  arch::set_current_thread_pointer(&next);
  arch::set_return_work(&next.return_work_);
  arch::set_kernel_stack(next.stack_.bottom, next.stack_.top);
  arch_switch_stacks(&previous.context_, &next.context_);
  // On the stack of whoever has been switched to, perhaps on another CPU than when it switched away:
  // nothing that was read above is valid here.
  finish_switch();
}

[[gnu::noinline]] void Scheduler::finish_switch() {
  SchedulerCpu& cpu = mine();
  Thread& self = cpu.queue.current();
  Thread* dead = cpu.previous_died ? cpu.previous : nullptr;
  Thread* displaced = cpu.displaced;
  cpu.previous_died = false;
  cpu.displaced = nullptr;
  SwitchLock::release(cpu.queue.lock());

  load_application_state(cpu, self);
  watch_waiting(cpu);
  if (cpu.begins_to_compute) begin_sampling(cpu);
  if (displaced != nullptr) place(*displaced);
  if (dead != nullptr) reap(*dead);
}

void Scheduler::load_application_state(SchedulerCpu& cpu, Thread& thread) {
  const std::uint32_t here = arch::current_cpu().index() + 1;
  // Kernel threads leave vector registers and thread pointer alone, so a thread that comes back after one
  // finds its own still loaded, unless it has run elsewhere meanwhile.
  if (thread.extended_state_ != nullptr && (cpu.loaded_thread != &thread || thread.loaded_on_ != here)) {
    arch::restore_extended_state(thread.extended_state_);
    cpu.loaded_thread = &thread;
  }
  if (thread.runs_ == Runs::kApplication && cpu.loaded_thread_pointer != thread.thread_pointer_) {
    arch::set_thread_pointer(thread.thread_pointer_);
    cpu.loaded_thread_pointer = thread.thread_pointer_;
  }
  if (thread.loaded_on_ != here) {
    thread.loaded_on_ = here;
    thread.on_migrated(arch::current_cpu());
  }
}

void Scheduler::set_thread_pointer(Thread& current, std::uint64_t base) {
  InterruptGuard stay_on_this_cpu;
  current.thread_pointer_ = base;
  arch::set_thread_pointer(base);
  mine().loaded_thread_pointer = base;
}

void Scheduler::first_entry(void* pointer) {
  finish_switch();
  arch::interrupts_enable();
  honour_pending_reschedule();
  // SAFETY: prepare_context was given the thread itself.
  Thread& self = *static_cast<Thread*>(pointer);
  self.entry_(self.argument_);
  exit_current_thread();
}

bool Scheduler::wake(Thread& thread, WakeReason reason) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (thread.state_.load(std::memory_order_relaxed) != ThreadState::kBlocked) return false;
  InterruptGuard interrupts_off;
  while (true) {
    const CpuId last = thread.last_cpu();
    SchedulerCpu& cpu = of(last);
    SwitchLock::take(cpu.queue.lock());
    if (thread.last_cpu() != last) {
      SwitchLock::release(cpu.queue.lock());
      continue;
    }
    if (thread.state_.load(std::memory_order_relaxed) != ThreadState::kBlocked) {
      SwitchLock::release(cpu.queue.lock());
      return false;
    }
    thread.scheduling_.wake_reason = reason;
    // Whoever wakes a collector's thread says what for; the end of a time-out does not, nor does an interrupt.
    if (reason == WakeReason::kWoken && !arch::in_interrupt()) {
      thread.in_pause_.store(policy::in_pause_after_wake(thread.thread_class(), current_thread().in_pause()),
                             std::memory_order_relaxed);
    }
    thread.state_.store(ThreadState::kRunnable, std::memory_order_release);
    if (thread.scheduling_.place != Thread::Place::kOff) {
      SwitchLock::release(cpu.queue.lock());  // about to block: it will see that it need not
      return true;
    }
    // The common case, one lock for all: back to where it ran.
    const CpuId target = choose_cpu(thread);
    if (target == last) {
      const Kick needed = insert_awake(cpu, thread);
      SwitchLock::release(cpu.queue.lock());
      kick(target, needed);
    } else {
      cpu.queue.begin_move(thread);
      SwitchLock::release(cpu.queue.lock());
      move_to(target, thread);
    }
    return true;
  }
}

// The interface of thread.h

void initialise_scheduler(KernelStack boot_stack) { Scheduler::initialise(boot_stack); }
void run_idle_on_this_cpu(KernelStack idle_stack) { Scheduler::run_idle_on_this_cpu(idle_stack); }

CpuTimes cpu_times(CpuId cpu) {
  RunQueue& queue = Scheduler::of(cpu).queue;
  CpuTimes times{};
  {
    IrqSpinGuard guard(queue.lock());
    if (queue.started()) queue.account(now());
    times.busy = queue.busy();
    times.idle = queue.idle();
  }
  times.split = split_of_cpu(cpu).divide(times.busy);
  return times;
}

std::uint64_t context_switches() {
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < kMaxCpus; ++i) total += Scheduler::of(CpuId(i)).queue.switches();
  return total;
}

std::uint32_t runnable_threads() {
  std::uint32_t total = 0;
  for (std::uint32_t i = 0; i < kMaxCpus; ++i) total += Scheduler::of(CpuId(i)).queue.load();
  return total;
}

void reschedule() {
  if (arch::reschedule_pending()) Scheduler::switch_from_current(SwitchCause::kPreempted);
}

void yield() {
  ASSERT_MAY_BLOCK();
  if (Scheduler::mine().queue.waiting() == 0) return;  // a hint: a move to another CPU in between is no harm
  arch::interrupts_disable();
  Scheduler::switch_from_current(SwitchCause::kYields);
  arch::interrupts_enable();
}

void exit_current_thread() {
  ASSERT_MAY_BLOCK();
  arch::interrupts_disable();
  Scheduler::switch_from_current(SwitchCause::kExits);
  panic("a dead thread runs");
}

}  // namespace mokapot
