// SPDX-License-Identifier: Apache-2.0
//
// What every thread does, for people who ask why nothing happens: a line for each, and its kernel stack. Read by
// `moka threads --kernel` (/proc/mokapot/threads), after a panic, and when an NMI asks.
//
//   [12] "C2 CompilerThre" sleeps for 3.204 s, cpu 1, in futex(0x7f2ece0ad990, 0x109, 0x2, 0, 0, 0xffffffff)
//       futex_wait+0x22e
//
// After a panic and in an NMI the clock is not asked; "since 17.312 s" is counted from the boot then.
#pragma once

#include <string_view>

#include "arch/trap_frame.h"
#include "base/result.h"
#include "sched/thread.h"

namespace mokapot {

enum class WithStacks : std::uint8_t { kNo, kYes };

// With stacks. Thread context, no lock held. Lines have no end-of-line. kENOMEM.
Result<void> report_threads(void (*print)(std::string_view line, void* context), void* context);
// Of a kernel that panics or hangs: any context, takes no lock, and says so where it leaves threads out.
void report_stopped_threads(WithStacks stacks, void (*print)(std::string_view line));

// With what a thread of the application came into the kernel. False for a kernel thread, and for one that runs, whose
// frame may be an old one.
bool entry_frame(const Thread& thread, arch::TrapFrame& frame);

}  // namespace mokapot
