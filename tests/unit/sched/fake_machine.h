// SPDX-License-Identifier: Apache-2.0
//
// One CPU under the real scheduler, on the host: kernel stacks are host memory, switching is ucontext's, and
// time stands still while threads run. When the idle thread halts, the clock jumps to the next timer and
// the timer interrupt is delivered, so that a test of waits of seconds takes none.
//
// The test's own context becomes the boot thread.
#pragma once

#include "base/types.h"

namespace mokapot::fake {

// Once a process, before the first test.
void start_machine();
// The running thread computes for this long; the timer interrupts that fall into it are delivered.
void compute(Duration duration);
// Vector registers and thread pointer as the scheduler has loaded them.
std::uint64_t loaded_thread_pointer();
std::uint64_t extended_state_loads();

}  // namespace mokapot::fake
