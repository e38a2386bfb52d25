// SPDX-License-Identifier: Apache-2.0
//
// What arch calls when the processor traps. boot registers one set of handlers before interrupts
// are first enabled; arch never names the folders above it.
//
// "Application" faults are those taken while application code ran; "kernel" ones happened in a routine
// that may meet bad application memory (arch/memory_copy.h). Every other fault in the kernel is a bug and
// panics inside arch.
#pragma once

#include <cstdint>

#include "arch/context.h"
#include "arch/trap_frame.h"
#include "base/result.h"
#include "base/types.h"

namespace mokapot::arch {

enum class MemoryAccess : std::uint8_t { kRead, kWrite, kExecute };

// Synchronous exceptions of the application other than page faults.
enum class ApplicationException : std::uint8_t {
  kDivide, kOverflow, kBreakpoint, kDebug, kInvalidOpcode, kGeneralProtection, kStack, kFloatingPoint, kAlignment
};

struct TrapHandlers {
  // A device or inter-CPU interrupt. Interrupts off.
  void (*interrupt)(std::uint8_t vector);
  // Page fault of the application; queues a signal if it cannot be resolved. Interrupts on.
  void (*application_page_fault)(TrapFrame& frame, VirtAddr address, MemoryAccess access);
  void (*application_exception)(TrapFrame& frame, ApplicationException exception);
  // Page fault of a kernel copy on an application address: true if resolved. Interrupts on, may block.
  bool (*kernel_page_fault)(VirtAddr address, MemoryAccess access);
  // What a thread does before it returns to the application if its return work (arch/cpu.h) is not zero: signals.
  // Makes it zero. Interrupts on.
  void (*application_work)(TrapFrame& frame);
  void (*reschedule)();                        // interrupts off
  void (*report)(const char* line);            // where registers and backtraces of kernel bugs go; any context
  void (*asked_for_state)(const TrapFrame& frame);  // an NMI: somebody asks what this CPU does. Must not fault
};
void set_trap_handlers(const TrapHandlers& handlers);

// System calls, by number: interrupts on; the arguments as the registers hold them; the result, or -errno, becomes that of
// current_application_frame(). A call that replaces the frame returns what that frame holds. The table has
// kSystemCallSlots entries, none empty; the last one gets all higher numbers. May be replaced at any time.
using SystemCall = Result<std::int64_t> (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                            std::uint64_t);
inline constexpr std::size_t kSystemCallSlots = 512;
void set_system_calls(const SystemCall* table);

// Starts the application with the given frame, which is copied to the top of the kernel stack.
[[noreturn]] void enter_application(const TrapFrame& frame);
// A frame as a fresh program has it: given entry point and stack, everything else zero.
TrapFrame fresh_application_frame(VirtAddr entry, VirtAddr stack);
// The frame of the calling thread's current system call or trap from the application.
TrapFrame& current_application_frame();

// Sets up the calling CPU: descriptor tables, landing pads, control registers, SYSCALL. Interrupts off.
// The stack is the one in use. Boot calls it once on each CPU, first of all, from a function without a canary: there
// is none before.
struct CpuSetup {
  CpuId cpu;
  VirtAddr stack_bottom, stack_top;
};
void initialise_cpu(const CpuSetup& setup);
// Memory that another CPU's set-up needs (its stacks for traps); called on the boot CPU.
bool prepare_cpu(CpuId cpu, VirtAddr trap_stacks);  // kTrapStackBytes of always-mapped memory
inline constexpr std::uint64_t kTrapStackBytes = 16 * 1024;

// Visits the instruction and the return addresses of the call chain that starts at the frame pointer, as long as its
// frames lie in the range.
void walk_stack(CodePosition position, StackRange stack, void (*visit)(VirtAddr address, void* context), void* context);
// "function+0x10"; the address alone if it is in no function of the kernel. Cut to size, with a NUL.
void describe_code(VirtAddr address, char* text, std::size_t size);
// Prints the call chain. The sink gets whole lines. A range that has not all been mapped is survived by a fault, which
// must not happen in an NMI.
inline constexpr StackRange kAnyKernelStack{VirtAddr(std::uint64_t{1} << 63), VirtAddr(~std::uint64_t{0})};
void print_backtrace(CodePosition position, StackRange stack, void (*print)(const char* line));
void print_registers(const TrapFrame& frame, void (*print)(const char* line));

}  // namespace mokapot::arch
