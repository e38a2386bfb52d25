// SPDX-License-Identifier: Apache-2.0
//
// x86-64 trap frame: keep in step with entry.S.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

struct TrapFrame {
  std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  std::uint64_t vector;  // kSyscallVector for system calls
  std::uint64_t error;   // CPU's error code; for system calls their number
  std::uint64_t rip, cs, rflags, rsp, ss;

  static constexpr std::uint64_t kSyscallVector = 0x100;

  VirtAddr instruction_pointer() const { return VirtAddr(rip); }
  VirtAddr stack_pointer() const { return VirtAddr(rsp); }
  VirtAddr frame_pointer() const { return VirtAddr(rbp); }
  // The application was running: its stack is in the lower half, the kernel's never is.
  bool from_application() const { return static_cast<std::int64_t>(rsp) >= 0; }
  bool interrupts_were_enabled() const { return (rflags & 0x200) != 0; }

  bool is_syscall() const { return vector == kSyscallVector; }
  std::uint64_t syscall_number() const { return static_cast<std::uint32_t>(error); }
  std::uint64_t syscall_argument(int index) const {
    switch (index) {
      case 0: return rdi;
      case 1: return rsi;
      case 2: return rdx;
      case 3: return r10;
      case 4: return r8;
      default: return r9;
    }
  }
  std::int64_t result() const { return static_cast<std::int64_t>(rax); }
  void set_result(std::int64_t value) { rax = static_cast<std::uint64_t>(value); }
  void set_stack_pointer(VirtAddr address) { rsp = address.value(); }
  void set_instruction_pointer(VirtAddr address) { rip = address.value(); }
  // Makes the interrupted system call run again when the frame is resumed (SYSCALL is two bytes long).
  void restart_syscall() {
    rip -= 2;
    rax = error;
  }
};
static_assert(sizeof(TrapFrame) == 176 && offsetof(TrapFrame, vector) == 120);

}  // namespace mokapot::arch
