// SPDX-License-Identifier: Apache-2.0
//
// See fake_machine.h.

#include "sched/fake_machine.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <ucontext.h>

#include <cstdlib>
#include <map>

#include "arch/context.h"
#include "arch/cpu.h"
#include "memory/page_table.h"
#include "sched/thread.h"
#include "time/clock.h"
#include "time/timer.h"

namespace mokapot {
namespace {

constexpr std::size_t kStackSize = 256 * 1024;  // the sanitizer's frames are large

struct Fiber {
  ucontext_t context{};
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
  void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
};

class Clock final : public ClockSource, public ClockEvent {
 public:
  const char* name() const override { return "fake"; }
  Instant now() override { return time; }
  bool tsc_parameters(TscParameters&) override { return false; }
  void arm(Instant deadline) override { programmed = deadline; }
  void initialise_cpu() override {}
  Instant time = Instant::from_nanoseconds(1'000'000'000);
  Instant programmed = Instant::never();
};
Clock machine_clock;

std::map<const arch::SwitchContext*, Fiber> fibers;
const arch::SwitchContext* entering = nullptr;
std::uint64_t thread_pointer = 0;
std::uint64_t state_loads = 0;

void begin_fiber() {
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
  Fiber& fiber = fibers.at(entering);
  fiber.entry(fiber.argument);
}

// As the trap entry does it.
void deliver_timer_interrupt() {
  arch::interrupts_disable();
  fake::cpu.in_interrupt = true;
  machine_clock.programmed = Instant::never();  // one shot
  handle_timer_interrupt();
  fake::cpu.in_interrupt = false;
  if (arch::reschedule_pending() && arch::preempt_count() == 0) reschedule();
  arch::interrupts_enable();
}

void sleep_until_next_timer() {
  if (machine_clock.programmed.is_never()) {
    std::fputs("fake machine: every thread waits and no timer is armed\n", stderr);
    std::abort();
  }
  if (machine_clock.programmed > machine_clock.time) machine_clock.time = machine_clock.programmed;
  deliver_timer_interrupt();
}

}  // namespace

void fake::start_machine() {
  reset_cpu();
  set_clock_source(&machine_clock);
  set_clock_event(&machine_clock);
  initialise_timers();
  cpu.on_halt = sleep_until_next_timer;
  initialise_scheduler(KernelStack{});
}

void fake::compute(Duration duration) {
  const Instant end = machine_clock.time + duration;
  while (machine_clock.programmed <= end) {
    if (machine_clock.programmed > machine_clock.time) machine_clock.time = machine_clock.programmed;
    deliver_timer_interrupt();
    // Others may have run meanwhile; what is left is computed all the same.
    if (machine_clock.time >= end) return;
  }
  machine_clock.time = end;
}

std::uint64_t fake::loaded_thread_pointer() { return thread_pointer; }
std::uint64_t fake::extended_state_loads() { return state_loads; }

Result<KernelStack> allocate_kernel_stack() {
  void* memory = std::calloc(1, kStackSize);
  if (memory == nullptr) return Errno::kENOMEM;
  const VirtAddr bottom(memory);
  return KernelStack{bottom, bottom + kStackSize};
}

void free_kernel_stack(KernelStack stack) {
  __asan_unpoison_memory_region(stack.bottom.as<void>(), kStackSize);
  std::free(stack.bottom.as<void>());
}

namespace arch {

void prepare_context(SwitchContext& context, VirtAddr stack_top, void (*entry)(void*), void* argument) {
  Fiber& fiber = fibers[&context];
  fiber.entry = entry;
  fiber.argument = argument;
  fiber.stack_size = kStackSize;
  fiber.stack_bottom = (stack_top - kStackSize).value() == 0 ? nullptr : VirtAddr(stack_top - kStackSize).as<void>();
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack_bottom;
  fiber.context.uc_stack.ss_size = fiber.stack_size;
  makecontext(&fiber.context, begin_fiber, 0);
}

extern "C" void arch_switch_stacks(SwitchContext* from, const SwitchContext* to) {
  Fiber& leaving = fibers[from];
  Fiber& next = fibers.at(to);
  if (leaving.stack_bottom == nullptr) {  // the test's own stack
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &leaving.stack_bottom, &leaving.stack_size);
    pthread_attr_destroy(&attributes);
  }
  entering = to;
  void* sanitizer_state = nullptr;
  __sanitizer_start_switch_fiber(&sanitizer_state, next.stack_bottom, next.stack_size);
  swapcontext(&leaving.context, &next.context);
  __sanitizer_finish_switch_fiber(sanitizer_state, nullptr, nullptr);
}

void set_kernel_stack(VirtAddr, VirtAddr) {}
std::size_t extended_state_size() { return 64; }
void initialise_extended_state(void*) {}
void save_extended_state(void*) {}
void restore_extended_state(const void*) { ++state_loads; }
void set_thread_pointer(std::uint64_t base) { thread_pointer = base; }

}  // namespace arch

// No frames to clear while idle.
bool prepare_zeroed_frame() { return false; }

}  // namespace mokapot
