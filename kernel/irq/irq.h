// SPDX-License-Identifier: Apache-2.0
//
// Interrupts as devices see them: lines, vectors, handlers, and messages between CPUs. Controllers
// (local APIC, IOAPIC) are implementations in drivers/ that boot registers here.
//
// Handlers run in interrupt context with interrupts off: acknowledge, record, defer.
// Lock: registration under a spinlock (rank kIrq); dispatch is lock free.
//
// Boot, in order: set_cpu_interrupt_controller, set_line_controller, initialise_cross_calls; then
// set_cpu_online as each CPU comes up with its interrupt controller programmed.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

using InterruptVector = std::uint8_t;
inline constexpr InterruptVector kFirstDeviceVector = 0x30;
inline constexpr InterruptVector kLastDeviceVector = 0xdf;
inline constexpr InterruptVector kTimerVector = 0xf0;
inline constexpr InterruptVector kRescheduleVector = 0xf1;
inline constexpr InterruptVector kCallVector = 0xf2;
inline constexpr InterruptVector kStopVector = 0xf3;  // panic: other CPUs halt
inline constexpr InterruptVector kSpuriousVector = 0xff;

using InterruptHandler = void (*)(void* context);

// Reserves a device vector and points it at handler. `name`, constant, is for /proc/interrupts.
Result<InterruptVector> allocate_vector(InterruptHandler handler, void* context, const char* name = "");
void set_vector_handler(InterruptVector vector, InterruptHandler handler, void* context);
// Called by arch for every interrupt vector (>= 32), with interrupts off and the interrupt depth raised.
// Ends the interrupt at the controller. On the way out, with the depth lowered again, arch calls sched's
// reschedule() if reschedule_pending() and the preemption count is zero.
void dispatch_interrupt(InterruptVector vector);
// How often the vector was taken on the CPU, and what allocate_vector called it ("" if nobody has it).
std::uint32_t interrupt_count(CpuId cpu, InterruptVector vector);
const char* interrupt_name(InterruptVector vector);

// A controller of this CPU's interrupts (local APIC).
class CpuInterruptController {
 public:
  virtual void end_of_interrupt() = 0;
  virtual void send_to_cpu(CpuId cpu, InterruptVector vector) = 0;
  virtual void send_to_others(InterruptVector vector) = 0;
  // Address and data that make a device's MSI arrive as vector on cpu.
  struct Message { std::uint64_t address; std::uint32_t data; };
  virtual Message message_for(CpuId cpu, InterruptVector vector) = 0;

 protected:
  ~CpuInterruptController() = default;
};
void set_cpu_interrupt_controller(CpuInterruptController* controller);
CpuInterruptController& cpu_interrupt_controller();

// A controller of wired lines (IOAPIC). Global system interrupt numbers as ACPI has them.
enum class Trigger : std::uint8_t { kEdge, kLevel };
enum class Polarity : std::uint8_t { kActiveHigh, kActiveLow };
class LineController {
 public:
  virtual Result<void> route(std::uint32_t line, InterruptVector vector, CpuId cpu, Trigger trigger,
                             Polarity polarity) = 0;
  virtual void mask(std::uint32_t line) = 0;
  virtual void unmask(std::uint32_t line) = 0;

 protected:
  ~LineController() = default;
};
void set_line_controller(LineController* controller);
LineController& line_controller();

// CPUs that are up. Set by boot as each comes up.
CpuMask online_cpus();
void set_cpu_online(CpuId cpu);

// Boot, once: takes kCallVector.
void initialise_cross_calls();

// Runs function(argument) on each CPU of mask in interrupt context and waits until all have run it.
// Must be called with interrupts ON and no IRQ spinlock held (or two callers could wait for each other);
// a CPU that waits keeps serving calls sent to it. The calling CPU, if in mask, runs it too.
void call_on_cpus(CpuMask mask, void (*function)(void*), void* argument);

}  // namespace mokapot
