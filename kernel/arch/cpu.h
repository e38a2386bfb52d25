// SPDX-License-Identifier: Apache-2.0
//
// The processor as the rest of the kernel sees it. The implementation is found by include path:
// arch/x64/include for the kernel, tests/unit/fakes/include for host tests.
//
// Contexts: all functions may run anywhere unless they say otherwise.
#pragma once

#include "arch_impl/cpu.h"  // IWYU pragma: export
#include "base/types.h"

namespace mokapot::arch {

// Which CPU runs this. Stable only while preemption or interrupts are off.
CpuId current_cpu();

// One word per CPU for sched's running thread; meaningful at any time (it moves with the thread).
void* current_thread_pointer();
void set_current_thread_pointer(void* thread);
// Where the running thread is told that it has work before it returns to the application: not zero.
void set_return_work(const std::atomic<std::uint32_t>* work);

// Preemption counter of this CPU, nested. sched reads it on the way out of interrupts; the guards in
// sync/ change it. enable returns true when the count fell to zero and a reschedule is pending.
void preempt_disable();
bool preempt_enable();
std::uint32_t preempt_count();
// Asks that this CPU calls the scheduler as soon as its preemption count is zero.
void set_reschedule_pending(bool pending);
bool reschedule_pending();

// Interrupts of this CPU. The token of save_and_disable goes back into restore.
using InterruptState = std::uint64_t;
InterruptState interrupts_save_and_disable();
void interrupts_restore(InterruptState state);
void interrupts_enable();
void interrupts_disable();
bool interrupts_enabled();
// Non-zero while an interrupt handler runs on this CPU (not for exceptions of a thread).
bool in_interrupt();
// In an interrupt handler: whether it interrupted application code.
bool interrupted_application();

// Spin-loop hint; and sleep until the next interrupt (enables interrupts atomically with halting).
void relax();
void halt_until_interrupt();

// Full barrier between this CPU and a device that works in memory. Unlike a locked instruction, which QEMU's
// translator makes an ordinary one for a machine of one CPU, it holds there too (from QEMU 8.1 on).
void device_barrier();

// Cycle counter, not serialised. Unit: ticks of the TSC.
std::uint64_t cycle_counter();

}  // namespace mokapot::arch
