// SPDX-License-Identifier: Apache-2.0
//
// The processor for host tests: arch/cpu.h's inline part over plain variables. Each host thread is a
// CPU of its own (number 0 unless the test sets another), so that guards and context assertions work
// as in the kernel and a test can look at and change every bit of the state.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "base/types.h"

namespace mokapot::fake {

struct Cpu {
  std::uint32_t index = 0;
  std::uint32_t preempt_count = 0;
  bool reschedule_pending = false;
  bool interrupts_on = true;
  bool in_interrupt = false;
  bool interrupted_application = true;
  void* current_thread = nullptr;
  std::uint64_t halts = 0;
  void (*on_halt)() = nullptr;  // what happens while the CPU sleeps: a test's interrupts
};
inline thread_local Cpu cpu;

// Back to a running thread on CPU 0 with nothing held; for SetUp().
inline void reset_cpu() { cpu = Cpu{}; }

}  // namespace mokapot::fake

namespace mokapot::arch {

inline CpuId current_cpu() { return CpuId(fake::cpu.index); }
inline void* current_thread_pointer() { return fake::cpu.current_thread; }
inline void set_current_thread_pointer(void* thread) { fake::cpu.current_thread = thread; }
inline void set_return_work(const std::atomic<std::uint32_t>*) {}
inline void preempt_disable() { ++fake::cpu.preempt_count; }
inline bool preempt_enable() {
  return --fake::cpu.preempt_count == 0 && fake::cpu.reschedule_pending;
}
inline std::uint32_t preempt_count() { return fake::cpu.preempt_count; }
inline void set_reschedule_pending(bool pending) { fake::cpu.reschedule_pending = pending; }
inline bool reschedule_pending() { return fake::cpu.reschedule_pending; }

using InterruptState = std::uint64_t;
inline InterruptState interrupts_save_and_disable() {
  const bool before = fake::cpu.interrupts_on;
  fake::cpu.interrupts_on = false;
  return before ? 1 : 0;
}
inline void interrupts_enable() { fake::cpu.interrupts_on = true; }
inline void interrupts_disable() { fake::cpu.interrupts_on = false; }
inline void interrupts_restore(InterruptState state) {
  if (state != 0) interrupts_enable();
}
inline bool interrupts_enabled() { return fake::cpu.interrupts_on; }
inline bool in_interrupt() { return fake::cpu.in_interrupt; }
inline bool interrupted_application() { return fake::cpu.interrupted_application; }
// The host's other threads may need this one's processor to release a lock.
inline void relax() { sched_yield(); }
inline void halt_until_interrupt() {
  fake::cpu.interrupts_on = true;
  ++fake::cpu.halts;
  if (fake::cpu.on_halt != nullptr) fake::cpu.on_halt();
}
inline void device_barrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline std::uint64_t cycle_counter() { return __builtin_ia32_rdtsc(); }

}  // namespace mokapot::arch
