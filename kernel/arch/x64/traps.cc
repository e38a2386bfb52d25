// SPDX-License-Identifier: Apache-2.0
//
// What entry.S calls. Sorts traps by who was running and what happened, and on the way back to the
// application sees to rescheduling and signals. Enters with interrupts off and leaves with them off.
#include "arch/traps.h"

#include "arch/cpu.h"
#include "arch/x64/exception_table.h"
#include "base/assert.h"
#include "base/format.h"

namespace mokapot::arch {
namespace {

enum Vector : std::uint64_t {
  kDivideError = 0, kDebug = 1, kNmi = 2, kBreakpoint = 3, kOverflow = 4, kBound = 5, kInvalidOpcode = 6,
  kDeviceNotAvailable = 7, kDoubleFault = 8, kInvalidTss = 10, kSegmentNotPresent = 11, kStackFault = 12,
  kGeneralProtection = 13, kPageFault = 14, kX87 = 16, kAlignment = 17, kMachineCheck = 18, kSimd = 19,
  kFirstInterrupt = 32,
};
constexpr std::uint64_t kErrorWrite = 2, kErrorInstruction = 16;
constexpr std::uint64_t kApplicationHalfEnd = 0x8000'0000'0000;

constinit TrapHandlers handlers{};  // set once by boot, before interrupts are enabled

// The labels of entry.S.
extern "C" const std::uint8_t syscall_entry[], syscall_entry_on_kernel_stack[], syscall_entry_parked[];
extern "C" const std::uint8_t direct_entry[], direct_entry_on_kernel_stack[], direct_entry_parked[];
extern "C" const std::uint8_t plain_entry[], plain_entry_on_kernel_stack[], plain_entry_parked[];
extern "C" const std::uint8_t plain_exit[], plain_exit_jump[];
extern "C" const std::uint8_t return_by_iret[];
extern "C" const std::uint8_t syscall_exit[], syscall_exit_jump[];

bool is_between(std::uint64_t rip, const std::uint8_t* begin, const std::uint8_t* end) {
  return rip >= VirtAddr(begin).value() && rip < VirtAddr(end).value();
}

// Kernel code on the application's stack, of which the application must not see anything: SYSCALL is made to
// happen after what interrupted it, and the jump at the end of a system call before.
void settle_border(TrapFrame& frame) {
  if (is_between(frame.rip, syscall_entry, syscall_entry_on_kernel_stack)) {
    frame.rip = frame.rcx - 2;
    frame.rflags = frame.r11;
  } else if (is_between(frame.rip, direct_entry, direct_entry_on_kernel_stack) ||
             is_between(frame.rip, plain_entry, plain_entry_on_kernel_stack)) {
    frame.rip = frame.rcx - 2;  // the SYSCALL is still there (arch/direct_call.h)
  } else if (frame.rip == VirtAddr(syscall_exit_jump).value() || frame.rip == VirtAddr(plain_exit_jump).value()) {
    frame.rip = frame.rcx;
  }
}

// The CPU's scratch word holds the application's stack pointer.
bool uses_scratch_word(std::uint64_t rip) {
  return is_between(rip, syscall_entry_on_kernel_stack, syscall_entry_parked) ||
         is_between(rip, direct_entry_on_kernel_stack, direct_entry_parked) ||
         is_between(rip, plain_entry_on_kernel_stack, plain_entry_parked);
}

constexpr std::uint64_t kNestedTask = 0x4000;  // RFLAGS

MemoryAccess access_of(std::uint64_t error) {
  if ((error & kErrorInstruction) != 0) return MemoryAccess::kExecute;
  return (error & kErrorWrite) != 0 ? MemoryAccess::kWrite : MemoryAccess::kRead;
}

void report(const char* line) {
  if (handlers.report != nullptr) handlers.report(line);
}

[[noreturn]] void kernel_bug(const TrapFrame& frame, std::uint64_t cr2) {
  print_registers(frame, report);
  print_backtrace({VirtAddr(frame.rip), VirtAddr(frame.rbp)}, kAnyKernelStack, report);
  panic("trap %lu in the kernel: rip %#lx error %#lx address %#lx", frame.vector, frame.rip, frame.error, cr2);
}

// A fault in kernel code: legal only in the copy routines, and only on application addresses.
void kernel_page_fault(TrapFrame& frame, std::uint64_t cr2) {
  const VirtAddr continuation = exception_continuation(VirtAddr(frame.rip));
  if (continuation.is_null()) kernel_bug(frame, cr2);
  // Where the interrupted code could not have slept, the fault cannot be resolved here either.
  if (cr2 < kApplicationHalfEnd && frame.interrupts_were_enabled() && preempt_count() == 0 && !in_interrupt()) {
    interrupts_enable();
    const bool resolved = handlers.kernel_page_fault(VirtAddr(cr2), access_of(frame.error));
    interrupts_disable();
    if (resolved) return;
  }
  frame.rip = continuation.value();
}

void application_trap(TrapFrame& frame, std::uint64_t cr2) {
  interrupts_enable();
  switch (frame.vector) {
    case kPageFault: handlers.application_page_fault(frame, VirtAddr(cr2), access_of(frame.error)); break;
    case kDivideError: handlers.application_exception(frame, ApplicationException::kDivide); break;
    case kDebug: handlers.application_exception(frame, ApplicationException::kDebug); break;
    case kBreakpoint: handlers.application_exception(frame, ApplicationException::kBreakpoint); break;
    case kOverflow:
    case kBound: handlers.application_exception(frame, ApplicationException::kOverflow); break;
    case kInvalidOpcode: handlers.application_exception(frame, ApplicationException::kInvalidOpcode); break;
    case kStackFault: handlers.application_exception(frame, ApplicationException::kStack); break;
    case kX87:
    case kSimd: handlers.application_exception(frame, ApplicationException::kFloatingPoint); break;
    case kAlignment: handlers.application_exception(frame, ApplicationException::kAlignment); break;
    default: handlers.application_exception(frame, ApplicationException::kGeneralProtection);
  }
  interrupts_disable();
}

// Interrupts off, and off again on return.
void before_return_to_application(TrapFrame& frame) {
  while (true) {
    if (reschedule_pending()) {
      handlers.reschedule();
    } else if (cpu_local()->return_work->load(std::memory_order_relaxed) != 0) {
      interrupts_enable();
      handlers.application_work(frame);
      interrupts_disable();
    } else {
      return;
    }
  }
}

}  // namespace

void set_trap_handlers(const TrapHandlers& new_handlers) { handlers = new_handlers; }

extern "C" void arch_handle_trap(TrapFrame* frame, std::uint64_t cr2) {
  if (frame->from_application()) settle_border(*frame);
  if (frame->vector >= kFirstInterrupt) {
    CpuLocal* local = cpu_local();
    ++local->interrupt_depth;
    local->interrupted_application = frame->from_application() ? 1 : 0;
    handlers.interrupt(static_cast<std::uint8_t>(frame->vector));
    --local->interrupt_depth;
  } else if (frame->from_application()) {
    application_trap(*frame, cr2);
  } else if (frame->vector == kPageFault) {
    kernel_page_fault(*frame, cr2);
  } else if (frame->vector == kGeneralProtection && frame->rip == VirtAddr(return_by_iret).value() && (frame->rflags & kNestedTask) != 0) {
    frame->rflags &= ~kNestedTask;  // the application's, by a plain entry; IRET refuses it
  } else if (frame->vector == kGeneralProtection && !exception_continuation(VirtAddr(frame->rip)).is_null()) {
    // A copy on a non-canonical address.
    frame->rip = exception_continuation(VirtAddr(frame->rip)).value();
  } else {
    kernel_bug(*frame, cr2);
  }
  if (frame->from_application()) {
    before_return_to_application(*frame);
  } else if (frame->interrupts_were_enabled() && preempt_count() == 0 && !in_interrupt()) {
    if (reschedule_pending() && !uses_scratch_word(frame->rip)) handlers.reschedule();
    if (is_between(frame->rip, syscall_exit, syscall_exit_jump) || is_between(frame->rip, plain_exit, plain_exit_jump))
      frame->rip = VirtAddr(syscall_exit).value();
  }
}

// entry.S takes value and error from the registers that return a pair of words.
static_assert(sizeof(Result<std::int64_t>) == 16 && std::is_trivially_copyable_v<Result<std::int64_t>>);

// Numbers up to the last slot; entry.S sends what is higher there too.
extern "C" constinit const SystemCall* arch_system_calls;
constinit const SystemCall* arch_system_calls = nullptr;
void set_system_calls(const SystemCall* table) { arch_system_calls = table; }

// The way out of a system call that has something to do first, or other registers to load than it came with.
extern "C" void arch_settle_syscall_return(TrapFrame* frame) {
  interrupts_disable();
  before_return_to_application(*frame);
}

extern "C" void arch_handle_own_stack_trap(TrapFrame* frame) {
  if (frame->vector == kNmi) {
    if (handlers.asked_for_state != nullptr) handlers.asked_for_state(*frame);
    return;
  }
  print_registers(*frame, report);
  print_backtrace({VirtAddr(frame->rip), VirtAddr(frame->rbp)}, kAnyKernelStack, report);
  panic(frame->vector == kDoubleFault ? "double fault" : "machine check");
}

// pad points at rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss.
extern "C" [[noreturn]] void arch_stack_overflow(const std::uint64_t* pad) {
  const CpuLocal* local = cpu_local();
  print_backtrace({VirtAddr(pad[5]), VirtAddr()}, kAnyKernelStack, report);
  panic("kernel stack overflow: trap %lu rip %#lx rsp %#lx, stack %#lx to %#lx", pad[3], pad[5], pad[8],
        local->kernel_stack_bottom, local->kernel_stack_top);
}

extern "C" [[noreturn]] void arch_enter_application(TrapFrame* frame);

TrapFrame& current_application_frame() {
  return *VirtAddr(kernel_stack_top() - sizeof(TrapFrame)).as<TrapFrame>();
}

TrapFrame fresh_application_frame(VirtAddr entry, VirtAddr stack) {
  TrapFrame frame{};
  frame.rip = entry.value();
  frame.rsp = stack.value();
  frame.cs = 0x08;
  frame.ss = 0x10;
  frame.rflags = 0x202;
  return frame;
}

void enter_application(const TrapFrame& frame) {
  interrupts_disable();  // the frame's flags bring interrupts back
  TrapFrame& place = current_application_frame();
  if (&place != &frame) place = frame;
  before_return_to_application(place);
  arch_enter_application(&place);
}

void print_registers(const TrapFrame& frame, void (*print)(const char* line)) {
  TextBuffer<160> lines[5];
  lines[0].append("rip %016lx rsp %016lx rflags %08lx vector %lu error %lx", frame.rip, frame.rsp, frame.rflags,
                  frame.vector, frame.error);
  lines[1].append("rax %016lx rbx %016lx rcx %016lx rdx %016lx", frame.rax, frame.rbx, frame.rcx, frame.rdx);
  lines[2].append("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", frame.rsi, frame.rdi, frame.rbp, frame.r8);
  lines[3].append("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", frame.r9, frame.r10, frame.r11, frame.r12);
  lines[4].append("r13 %016lx r14 %016lx r15 %016lx", frame.r13, frame.r14, frame.r15);
  for (const auto& line : lines) print(line.c_str());
}

}  // namespace mokapot::arch
