// SPDX-License-Identifier: Apache-2.0
//
// x86-64 inline part of arch/cpu.h. Per-CPU state is reached through GS, whose base each CPU sets once;
// the application cannot change it (FSGSBASE is off, ARCH_SET_GS fails), so there is no SWAPGS.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

// Offsets are known to the assembly in entry.S: keep in step with cpu_local_offsets.h.
struct CpuLocal {
  CpuLocal* self;                      // 0
  void* current_thread;                // 8
  std::uint64_t kernel_stack_top;      // 16: of the running thread
  std::uint64_t application_rsp;       // 24: scratch of the SYSCALL stub, valid with interrupts off
  std::uint32_t preempt_count;         // 32
  std::uint32_t reschedule_pending;    // 36
  std::uint32_t cpu_index;             // 40
  std::uint32_t interrupt_depth;       // 44
  std::uint64_t kernel_stack_bottom;   // 48: lowest usable address of the running thread's stack
  std::uint64_t emergency_stack_top;   // 56: for a kernel stack overflow
  const std::atomic<std::uint32_t>* return_work;  // 64: of the running thread
  std::uint64_t stack_canary;          // 72: of the running thread; the compiler reads it (kernel.mk)
  std::uint64_t direct_entry;          // 80: where trampolines jump (arch/direct_call.h)
  std::uint64_t plain_entry;           // 88: those whose program has no use for its status flags
  std::uint64_t interrupted_application;  // 96: whether the interrupt that is being handled came to application code
  std::uint64_t pad_[3];
};
static_assert(offsetof(CpuLocal, kernel_stack_bottom) == 48 && offsetof(CpuLocal, return_work) == 64 &&
              offsetof(CpuLocal, stack_canary) == 72 && offsetof(CpuLocal, direct_entry) == 80 &&
              offsetof(CpuLocal, plain_entry) == 88);

// SAFETY (all asm below): single instructions on this CPU's own GS-relative block or flags; "memory"
// clobbers keep the compiler from moving protected accesses across.
inline CpuId current_cpu() {
  std::uint32_t index;
  asm volatile("movl %%gs:40, %0" : "=r"(index));
  return CpuId(index);
}
inline CpuLocal* cpu_local() {
  CpuLocal* local;
  asm volatile("movq %%gs:0, %0" : "=r"(local));
  return local;
}
inline void* current_thread_pointer() {
  void* thread;
  asm volatile("movq %%gs:8, %0" : "=r"(thread));
  return thread;
}
inline void set_current_thread_pointer(void* thread) {
  asm volatile("movq %0, %%gs:8" : : "r"(thread) : "memory");
}
// One instruction, and the same on whatever CPU the thread runs: no need to stay on this one.
inline std::uint64_t kernel_stack_top() {
  std::uint64_t top;
  asm volatile("movq %%gs:16, %0" : "=r"(top));
  return top;
}
inline void set_return_work(const std::atomic<std::uint32_t>* work) { cpu_local()->return_work = work; }
inline void preempt_disable() { asm volatile("incl %%gs:32" : : : "memory", "cc"); }
inline bool preempt_enable() {
  bool zero;
  asm volatile("decl %%gs:32" : "=@ccz"(zero) : : "memory");
  if (!zero) return false;
  std::uint32_t pending;
  asm volatile("movl %%gs:36, %0" : "=r"(pending) : : "memory");
  return pending != 0;
}
inline std::uint32_t preempt_count() {
  std::uint32_t count;
  asm volatile("movl %%gs:32, %0" : "=r"(count));
  return count;
}
inline void set_reschedule_pending(bool pending) {
  const std::uint32_t value = pending;
  asm volatile("movl %0, %%gs:36" : : "r"(value) : "memory");
}
inline bool reschedule_pending() {
  std::uint32_t pending;
  asm volatile("movl %%gs:36, %0" : "=r"(pending));
  return pending != 0;
}

using InterruptState = std::uint64_t;
inline InterruptState interrupts_save_and_disable() {
  InterruptState flags;
  asm volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
  return flags;
}
inline void interrupts_enable() { asm volatile("sti" : : : "memory"); }
inline void interrupts_disable() { asm volatile("cli" : : : "memory"); }
inline void interrupts_restore(InterruptState state) {
  if ((state & 0x200) != 0) interrupts_enable();
}
inline bool interrupts_enabled() {
  std::uint64_t flags;
  asm volatile("pushfq; popq %0" : "=r"(flags));
  return (flags & 0x200) != 0;
}
inline bool in_interrupt() {
  std::uint32_t depth;
  asm volatile("movl %%gs:44, %0" : "=r"(depth));
  return depth != 0;
}
inline bool interrupted_application() { return cpu_local()->interrupted_application != 0; }
inline void relax() { asm volatile("pause" : : : "memory"); }
inline void halt_until_interrupt() { asm volatile("sti; hlt" : : : "memory"); }
inline void device_barrier() { asm volatile("mfence" : : : "memory"); }
inline std::uint64_t cycle_counter() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace mokapot::arch
