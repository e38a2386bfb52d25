// SPDX-License-Identifier: Apache-2.0
//
// Machine state of a thread that is not running: a kernel stack pointer (callee-saved registers lie
// on that stack) and the extended (vector) state of the application, kept whole and eagerly.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

struct SwitchContext {
  std::uint64_t stack_pointer = 0;
  std::uint64_t stack_canary = 0;  // what functions on that stack find at their frames' ends
};

// Makes context start entry(argument) on an empty stack that ends below stack_top. entry never returns.
void prepare_context(SwitchContext& context, VirtAddr stack_top, void (*entry)(void*), void* argument);

// Saves the caller in from and continues where to was saved. Interrupts off.
extern "C" void arch_switch_stacks(SwitchContext* from, const SwitchContext* to);

// Where code stands: for backtraces (arch/traps.h).
struct CodePosition {
  VirtAddr instruction, frame_pointer;
};
// A stack's memory. Within a stack that is there nothing faults.
struct StackRange {
  VirtAddr bottom, top;
  bool contains(VirtAddr begin, std::uint64_t size) const { return begin >= bottom && begin < top && top - begin >= size; }
};
// The running thread's kernel stack. Any context.
StackRange current_kernel_stack();
// Of a context that is saved; null where it does not lie in the range. Any context; out of date once it runs.
CodePosition parked_position(const SwitchContext& context, StackRange stack);

// Tells this CPU which kernel stack entries from the application use from now on. Interrupts off.
void set_kernel_stack(VirtAddr bottom, VirtAddr top);

// The XSAVE area: size in bytes (multiple of 64, the alignment it needs), initial contents, save and load.
std::size_t extended_state_size();
void initialise_extended_state(void* area);
void save_extended_state(void* area);
void restore_extended_state(const void* area);
// From now on FXSAVE and what it saves are all that there is, also for programs. For hypervisors that emulate
// instructions and lack XSAVE's. Boot, before a second CPU or an area exists.
void forgo_xsave();

// Thread pointer of the application (FS base).
void set_thread_pointer(std::uint64_t base);

}  // namespace mokapot::arch
