// SPDX-License-Identifier: Apache-2.0
//
// See arch/signal_frame.h. Offsets follow Linux's uapi: asm/sigcontext.h and asm/ucontext.h.
#include "arch/signal_frame.h"

#include <cstring>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/extended_state.h"
#include "arch/memory_copy.h"
#include "arch/msr.h"

namespace mokapot::arch {
namespace {

constexpr std::uint64_t kApplicationEnd = 0x7fff'ffff'f000;
constexpr std::uint64_t kRedZone = 128;

// mcontext: the general registers in gregset order, then flags and segments, then the vector area's address.
struct MachineContext {
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error, trap, old_mask, cr2;
  std::uint64_t vector_state;
  std::uint64_t reserved[8];
};
static_assert(sizeof(MachineContext) == 256);

struct UserContext {
  std::uint64_t flags, link;
  struct { std::uint64_t base; std::uint32_t flags, padding; std::uint64_t size; } stack;
  MachineContext machine;
  std::uint64_t mask;
};
constexpr std::uint64_t kFlagXstate = 1, kFlagSigcontextSs = 2, kFlagStrictRestoreSs = 4;

struct Frame {
  std::uint64_t return_address;
  UserContext context;
  std::uint8_t info[128];
};
static_assert(sizeof(Frame) == 440);

// Bytes 464..511 of the legacy area: what software says about the rest.
struct SoftwareReserved {
  std::uint32_t magic1, extended_size;
  std::uint64_t features;
  std::uint32_t xstate_size, padding[7];
};
static_assert(sizeof(SoftwareReserved) == 48);
constexpr std::uint32_t kMagic1 = 0x46505853, kMagic2 = 0x46505845;
constexpr std::size_t kSoftwareReservedOffset = 464;
constexpr std::uint16_t kUserCode = 0x33, kUserStack = 0x2b;
constexpr std::uint64_t kFlagsFromApplication = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x10000 | 0x40000;

bool writable_place(std::uint64_t address, std::uint64_t size) {
  return address < kApplicationEnd && size <= kApplicationEnd - address;
}
bool write_out(std::uint64_t to, const void* from, std::size_t size) {
  return writable_place(to, size) && copy_or_fault(VirtAddr(to).as<void>(), from, size) == 0;
}
bool read_in(void* to, std::uint64_t from, std::size_t size) {
  return writable_place(from, size) && copy_or_fault(to, VirtAddr(from).as<const void>(), size) == 0;
}

void fill_machine_context(MachineContext& m, const TrapFrame& f, const SignalDelivery& d, std::uint64_t vector_state) {
  m = MachineContext{};
  m.r8 = f.r8; m.r9 = f.r9; m.r10 = f.r10; m.r11 = f.r11; m.r12 = f.r12; m.r13 = f.r13; m.r14 = f.r14; m.r15 = f.r15;
  m.rdi = f.rdi; m.rsi = f.rsi; m.rbp = f.rbp; m.rbx = f.rbx; m.rdx = f.rdx; m.rax = f.rax; m.rcx = f.rcx;
  m.rsp = f.rsp; m.rip = f.rip; m.rflags = f.rflags;
  m.cs = kUserCode;  // as on Linux; the real selectors are the kernel's
  m.ss = kUserStack;
  m.error = d.error_code;
  m.trap = d.trap_number;
  m.cr2 = d.fault_address;
  m.old_mask = d.blocked_mask;
  m.vector_state = vector_state;
}

}  // namespace

Result<void> push_signal_frame(TrapFrame& frame, const SignalDelivery& delivery) {
  const std::size_t area_size = extended_state_size();
  const bool on_alternate = !delivery.stack_top.is_null();
  std::uint64_t stack = on_alternate ? delivery.stack_top.value() : frame.rsp - kRedZone;
  stack -= area_size + sizeof(kMagic2);
  const std::uint64_t vector_state = align_down(stack, 64);
  // The ABI: RSP + 8 is a multiple of 16 at a function's entry.
  const std::uint64_t place = align_down(vector_state - sizeof(Frame), 16) - 8;

  SoftwareReserved reserved{};
  if (extended_state_components() != 0) {
    reserved.magic1 = kMagic1;
    reserved.extended_size = static_cast<std::uint32_t>(area_size + sizeof(kMagic2));
    reserved.features = extended_state_components();
    reserved.xstate_size = static_cast<std::uint32_t>(area_size);
  }
  Frame f{};
  f.return_address = delivery.restorer.value();
  f.context.flags = kFlagSigcontextSs | kFlagStrictRestoreSs | (extended_state_components() != 0 ? kFlagXstate : 0);
  f.context.stack.base = delivery.alternate.base;
  f.context.stack.size = delivery.alternate.size;
  f.context.stack.flags = delivery.alternate.flags;
  f.context.mask = delivery.blocked_mask;
  fill_machine_context(f.context.machine, frame, delivery, vector_state);
  std::memcpy(f.info, delivery.info, sizeof(f.info));

  if (!writable_place(vector_state, area_size) || !save_extended_state_to_application(VirtAddr(vector_state)) ||
      !write_out(vector_state + kSoftwareReservedOffset, &reserved, sizeof(reserved)) ||
      (extended_state_components() != 0 && !write_out(vector_state + area_size, &kMagic2, sizeof(kMagic2))) ||
      !write_out(place, &f, sizeof(f)))
    return Errno::kEFAULT;

  frame.rsp = place;
  frame.rip = delivery.handler.value();
  frame.rdi = static_cast<std::uint64_t>(delivery.signal);
  frame.rsi = place + offsetof(Frame, info);
  frame.rdx = place + offsetof(Frame, context);
  frame.rax = 0;
  frame.rflags &= ~std::uint64_t{0x400 | 0x100 | 0x10000};  // DF, TF, RF
  return {};
}

Result<SignalReturn> pop_signal_frame(TrapFrame& frame) {
  // RET in the restorer's caller popped the return address.
  const std::uint64_t place = frame.rsp - sizeof(std::uint64_t);
  UserContext context;
  if (!read_in(&context, place + offsetof(Frame, context), sizeof(context))) return Errno::kEFAULT;
  const MachineContext& m = context.machine;
  if (m.rip >= kApplicationEnd || m.rsp >= std::uint64_t{1} << 47) return Errno::kEINVAL;

  if (m.vector_state != 0) {
    const std::size_t area_size = extended_state_size();
    if (!writable_place(m.vector_state, area_size)) return Errno::kEFAULT;
    SoftwareReserved reserved{};
    if (!read_in(&reserved, m.vector_state + kSoftwareReservedOffset, sizeof(reserved))) return Errno::kEFAULT;
    const bool whole = reserved.magic1 == kMagic1 && reserved.xstate_size <= area_size;
    const ExtendedStateForm form = whole ? ExtendedStateForm::kWhole : ExtendedStateForm::kLegacy;
    if (!load_extended_state_from_application(VirtAddr(m.vector_state), form)) return Errno::kEINVAL;
  }

  frame.r8 = m.r8; frame.r9 = m.r9; frame.r10 = m.r10; frame.r11 = m.r11;
  frame.r12 = m.r12; frame.r13 = m.r13; frame.r14 = m.r14; frame.r15 = m.r15;
  frame.rdi = m.rdi; frame.rsi = m.rsi; frame.rbp = m.rbp; frame.rbx = m.rbx;
  frame.rdx = m.rdx; frame.rax = m.rax; frame.rcx = m.rcx; frame.rsp = m.rsp; frame.rip = m.rip;
  frame.rflags = (m.rflags & kFlagsFromApplication) | 0x202;
  frame.vector = 0;  // no longer a system call: nothing to restart
  SignalReturn result{};
  result.blocked_mask = context.mask;
  result.alternate = {context.stack.base, context.stack.size, context.stack.flags};
  return result;
}

std::size_t signal_frame_size() { return sizeof(Frame) + extended_state_size() + sizeof(kMagic2) + kRedZone + 64 + 24; }

std::uint64_t hardware_capabilities() { return cpuid(1, 0).edx; }

}  // namespace mokapot::arch
