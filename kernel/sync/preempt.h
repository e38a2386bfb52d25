// SPDX-License-Identifier: Apache-2.0
//
// How the end of a no-preempt section reaches the scheduler, which lies above this layer: sched registers
// a hook at boot. Until then nothing is preempted.
#pragma once

namespace mokapot {

// hook is called in thread context with interrupts on and a preemption count of zero; it may switch.
void set_reschedule_hook(void (*hook)());

}  // namespace mokapot
