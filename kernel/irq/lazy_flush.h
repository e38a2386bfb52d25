// SPDX-License-Identifier: Apache-2.0
//
// TLB flushes that an idle CPU may do later. A CPU whose idle thread runs touches no application memory, so
// entries that it still holds for such memory do no harm until it runs a thread again; waking it for each
// flush would cost an interrupt and, for a halted virtual CPU, tens of microseconds of waiting.
//
// Lock: none; one atomic word a CPU. The flusher changes the page table and then looks at the word, the idle
// CPU changes the word and then uses the page table, both sequentially consistent: one sees the other.
#pragma once

#include "base/types.h"

namespace mokapot {

// sched, on the CPU itself, interrupts off: its idle thread begins to run; another thread is about to run.
// The latter flushes the CPU's TLB if a flush was left to it.
void begin_lazy_flush();
void end_lazy_flush();

// Leaves the flush to those CPUs of mask that idle, and returns the others, which must flush now. For
// mappings of application memory only. After the page table has been changed.
CpuMask leave_flush_to_idle_cpus(CpuMask mask);

}  // namespace mokapot
