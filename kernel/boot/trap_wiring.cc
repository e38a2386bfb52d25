// SPDX-License-Identifier: Apache-2.0
//
// What traps mean: ties arch's entry points to the address space, signals, system calls, interrupts
// and the scheduler.
#include "boot/trap_wiring.h"

#include "arch/traps.h"
#include "base/format.h"
#include "boot/state_report.h"
#include "exec/direct_calls.h"
#include "irq/irq.h"
#include "linux/dispatch.h"
#include "process/process.h"
#include "process/signals.h"
#include "sched/thread.h"
#include "trace/log.h"
#include "vm/address_space.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

// Linux's si_code values.
constexpr std::int32_t kMapError = 1, kAccessError = 2, kBusAddressError = 2, kBusAlignment = 1;
constexpr std::int32_t kIntegerDivide = 1, kFloatingInvalid = 7, kIllegalOperand = 2, kTraceTrap = 2;
constexpr std::uint64_t kPageFaultTrap = 14, kErrorUserBit = 4;

FaultAccess access_of(arch::MemoryAccess access) {
  switch (access) {
    case arch::MemoryAccess::kRead: return FaultAccess::kRead;
    case arch::MemoryAccess::kWrite: return FaultAccess::kWrite;
    case arch::MemoryAccess::kExecute: return FaultAccess::kExecute;
  }
  return FaultAccess::kRead;
}

void remember_fault(const arch::TrapFrame& frame, std::uint64_t address) {
  // The application sees what a fault from user mode would have shown.
  const bool has_error = frame.vector == kPageFaultTrap;
  current_task().last_fault = {frame.vector, has_error ? frame.error | kErrorUserBit : frame.error, address};
}

void raise(int signal, std::int32_t code, std::uint64_t address) {
  SignalInfo info;
  info.signal = signal;
  info.code = code;
  info.fault = {address, {0, 0}};
  force_signal(info);
}

void end_for_lack_of_memory() {
  log_memory_holders();
  ProcessEnd how;
  how.status = 137;
  how.signal = kSigKill;
  how.by = EndedBy::kKernel;
  char holder[64];
  describe_largest_holder(holder, sizeof(holder));
  format_to(how.reason, sizeof(how.reason), "out of memory (%s): give the VM more with -m, or the JVM less with -Xmx",
            holder);
  end_process(how);
}

void on_application_page_fault(arch::TrapFrame& frame, VirtAddr address, arch::MemoryAccess access) {
  const bool inside = address.value() < kApplicationEnd;
  const FaultOutcome outcome = inside ? address_space().handle_fault(address, access_of(access), frame.instruction_pointer())
                                      : FaultOutcome::kNotMapped;
  if (outcome == FaultOutcome::kResolved) [[likely]] return;
  remember_fault(frame, address.value());
  switch (outcome) {
    case FaultOutcome::kNotMapped: raise(kSigSegv, kMapError, address.value()); break;
    case FaultOutcome::kNotPermitted: raise(kSigSegv, kAccessError, address.value()); break;
    case FaultOutcome::kBusError: raise(kSigBus, kBusAddressError, address.value()); break;
    default: end_for_lack_of_memory();
  }
}

bool on_kernel_page_fault(VirtAddr address, arch::MemoryAccess access) {
  if (address.value() >= kApplicationEnd) return false;
  return address_space().handle_fault(address, access_of(access)) == FaultOutcome::kResolved;
}

void on_application_exception(arch::TrapFrame& frame, arch::ApplicationException exception) {
  // A single step that was none of the program's own.
  if (exception == arch::ApplicationException::kDebug && enters_trampoline(frame)) return;
  remember_fault(frame, 0);
  leave_trampoline(frame);
  const std::uint64_t instruction = frame.instruction_pointer().value();
  switch (exception) {
    case arch::ApplicationException::kDivide: raise(kSigFpe, kIntegerDivide, instruction); break;
    case arch::ApplicationException::kFloatingPoint: raise(kSigFpe, kFloatingInvalid, instruction); break;
    case arch::ApplicationException::kInvalidOpcode: raise(kSigIll, kIllegalOperand, instruction); break;
    case arch::ApplicationException::kBreakpoint: raise(kSigTrap, kCodeKernel, 0); break;
    case arch::ApplicationException::kDebug: raise(kSigTrap, kTraceTrap, instruction); break;
    case arch::ApplicationException::kAlignment: raise(kSigBus, kBusAlignment, 0); break;
    case arch::ApplicationException::kStack: raise(kSigBus, kCodeKernel, 0); break;
    case arch::ApplicationException::kOverflow:
    case arch::ApplicationException::kGeneralProtection: raise(kSigSegv, kCodeKernel, 0); break;
  }
}

}  // namespace

void wire_traps() {
  arch::TrapHandlers handlers{};
  handlers.interrupt = dispatch_interrupt;
  handlers.application_page_fault = on_application_page_fault;
  handlers.application_exception = on_application_exception;
  handlers.kernel_page_fault = on_kernel_page_fault;
  handlers.application_work = [](arch::TrapFrame& frame) {
    leave_trampoline(frame);
    deliver_signals(frame);
  };
  handlers.reschedule = reschedule;
  handlers.report = [](const char* line) { LOG_ERROR("%s", line); };
  handlers.asked_for_state = report_state;
  arch::set_trap_handlers(handlers);
}

}  // namespace mokapot
