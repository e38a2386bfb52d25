// SPDX-License-Identifier: Apache-2.0
//
// The thread of a CPU that has nothing to run: it looks for a thread to steal, polls for a short while if
// wakes have been coming in quick succession (policy.h), clears a few frames for those who will want them, and
// halts until an interrupt. No ticks.

#include "irq/irq.h"
#include "memory/frames.h"
#include "sched/scheduler.h"
#include "time/clock.h"

namespace mokapot {
namespace {

bool has_work(const SchedulerCpu& cpu) { return cpu.queue.waiting() != 0 || arch::reschedule_pending(); }

// Whether work came within the CPU's window. Interrupts are on, so that timers and calls are served, and
// preemption off, so that the switch is left to the caller and `polling` is never set while another runs.
bool poll_for_work(SchedulerCpu& cpu) {
  if (cpu.poll.window <= Duration()) return false;
  arch::preempt_disable();
  arch::interrupts_enable();
  cpu.polling.store(true, std::memory_order_seq_cst);
  const Instant end = now() + cpu.poll.window;
  bool found = has_work(cpu);
  while (!found && now() < end) {
    arch::relax();
    found = has_work(cpu);
  }
  cpu.polling.store(false, std::memory_order_seq_cst);
  arch::interrupts_disable();
  (void)arch::preempt_enable();
  return found;
}

// Whether work came meanwhile. Each frame is less than a page fault's time.
bool clear_frames_until_work(SchedulerCpu& cpu) {
  arch::preempt_disable();
  arch::interrupts_enable();
  while (!has_work(cpu) && prepare_zeroed_frame()) {
  }
  arch::interrupts_disable();
  (void)arch::preempt_enable();
  return has_work(cpu);
}

}  // namespace

void Scheduler::idle_entry(void*) { idle_loop(); }

void Scheduler::idle_loop() {
  const CpuId self = arch::current_cpu();
  SchedulerCpu& cpu = mine();
  while (true) {
    arch::interrupts_disable();
    if (!has_work(cpu)) {
      // A waker may have taken the mark and then put its thread elsewhere.
      set_cpu_idle(self, true);
      if (!steal_for(self) && !poll_for_work(cpu) && !clear_frames_until_work(cpu)) {
        // A kick between the last look and the halt is pending then, and ends the halt at once.
        arch::halt_until_interrupt();
        continue;
      }
    }
    switch_from_current(SwitchCause::kPreempted);
    arch::interrupts_enable();
  }
}

}  // namespace mokapot
