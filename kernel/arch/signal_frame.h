// SPDX-License-Identifier: Apache-2.0
//
// Linux's rt_sigframe for x86-64: what a handler finds on its stack and what rt_sigreturn takes back.
// Layout: return address, ucontext (flags, link, stack, mcontext, mask), siginfo; above it the XSAVE
// area in standard format with its software-reserved bytes and closing magic. Thread context.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/trap_frame.h"
#include "base/result.h"
#include "base/types.h"

namespace mokapot::arch {

struct SignalDelivery {
  int signal;
  const void* info;              // 128 bytes
  VirtAddr handler;
  VirtAddr restorer;
  std::uint64_t blocked_mask;    // to be put back by sigreturn
  VirtAddr stack_top;            // of the alternate stack; null: go on below the interrupted stack
  struct { std::uint64_t base, size; std::uint32_t flags; } alternate;  // as uc_stack reports it
  std::uint64_t fault_address;   // CR2, trap number and error code as ucontext shows them
  std::uint64_t trap_number;
  std::uint64_t error_code;
};
// Writes the frame and points registers at the handler. kEFAULT if the stack cannot be written.
Result<void> push_signal_frame(TrapFrame& frame, const SignalDelivery& delivery);

struct SignalReturn {
  std::uint64_t blocked_mask;
  struct { std::uint64_t base, size; std::uint32_t flags; } alternate;
};
// Restores the registers and vector state that the frame at the application's stack pointer holds.
// IF is forced on; NT, TF and IOPL are cleared. kEFAULT or kEINVAL: the process is to get SIGSEGV.
Result<SignalReturn> pop_signal_frame(TrapFrame& frame);

// AT_MINSIGSTKSZ: what one frame takes at most.
std::size_t signal_frame_size();
// AT_HWCAP and AT_HWCAP2.
std::uint64_t hardware_capabilities();

}  // namespace mokapot::arch
