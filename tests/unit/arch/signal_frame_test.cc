// SPDX-License-Identifier: Apache-2.0
// sources: kernel/arch/x64/signal_frame.cc
//
// Signal frames, read and changed as a handler does it: through glibc's ucontext_t, whose layout is Linux's.
// The processor's vector registers are an array here, in XSAVE's standard format with x87, SSE and AVX.

#include "arch/signal_frame.h"

#include <gtest/gtest.h>
#include <sys/ucontext.h>

#include <array>
#include <csignal>
#include <cstring>
#include <vector>

#include "arch/context.h"
#include "arch/extended_state.h"
#include "arch/memory_copy.h"
#include "fakes/memory_copy.h"

namespace mokapot {
namespace {

constexpr std::size_t kAreaSize = 832;  // legacy 512, header 64, AVX 256
constexpr std::size_t kHeader = 512;
constexpr std::uint64_t kComponents = 7;
using VectorRegisters = std::array<std::uint8_t, kAreaSize>;
VectorRegisters live;

}  // namespace

namespace arch {

std::size_t extended_state_size() { return kAreaSize; }
std::uint64_t extended_state_components() { return kComponents; }
bool save_extended_state_to_application(VirtAddr area) {
  return copy_or_fault(area.as<void>(), live.data(), kAreaSize) == 0;
}
bool load_extended_state_from_application(VirtAddr area, ExtendedStateForm form) {
  VectorRegisters read{};
  const std::size_t size = form == ExtendedStateForm::kWhole ? kAreaSize : kHeader;
  if (copy_or_fault(read.data(), area.as<const void>(), size) != 0) return false;
  std::uint64_t present = 3;
  if (form == ExtendedStateForm::kLegacy) std::memcpy(&read[kHeader], &present, sizeof(present));
  else std::memcpy(&present, &read[kHeader], sizeof(present));
  if ((present & ~kComponents) != 0) return false;
  live = read;
  return true;
}

}  // namespace arch

namespace {

constexpr std::size_t kStackSize = 16384;
constexpr std::size_t kSoftwareBytes = 464;  // of the legacy area: struct _fpx_sw_bytes

class SignalFrameTest : public testing::Test {
 protected:
  SignalFrameTest() {
    for (std::size_t i = 0; i < kAreaSize; ++i) live[i] = static_cast<std::uint8_t>(i * 7);
    const std::uint64_t present = kComponents;
    std::memcpy(&live[kHeader], &present, sizeof(present));

    std::uint64_t value = 0x1111;
    for (std::uint64_t* r : {&before_.r15, &before_.r14, &before_.r13, &before_.r12, &before_.rbp, &before_.rbx,
                             &before_.r11, &before_.r10, &before_.r9, &before_.r8, &before_.rax, &before_.rcx,
                             &before_.rdx, &before_.rsi, &before_.rdi})
      *r = value += 0x1111;
    before_.rip = 0x5555'0000'1234;
    before_.rflags = 0x202 | 0x1 | 0x40 | 0x400;  // IF, CF, ZF, DF
    before_.rsp = stack_end() - 1024;
    frame_ = before_;

    info_.si_signo = SIGSEGV;
    info_.si_code = SEGV_MAPERR;
    info_.si_addr = this;
    delivery_ = {.signal = SIGSEGV,
                 .info = &info_,
                 .handler = VirtAddr(0x5555'0000'5000),
                 .restorer = VirtAddr(0x5555'0000'6000),
                 .blocked_mask = 0x8000'0000'0000'0042,
                 .stack_top = VirtAddr(),
                 .alternate = {0x7000'0000, 0x8000, SS_DISABLE},
                 .fault_address = 0xdead'beef,
                 .trap_number = 14,
                 .error_code = 6};
  }
  ~SignalFrameTest() override { fake::clear_faulting_ranges(); }

  std::uint64_t stack_begin() const { return VirtAddr(stack_.data()).value(); }
  std::uint64_t stack_end() const { return stack_begin() + kStackSize; }
  void push() { ASSERT_TRUE(arch::push_signal_frame(frame_, delivery_).ok()); }
  // As the handler sees it: its third argument.
  ucontext_t& context() { return *VirtAddr(frame_.rdx).as<ucontext_t>(); }
  greg_t& reg(int number) { return context().uc_mcontext.gregs[number]; }
  std::uint8_t* vector_state() { return VirtAddr(context().uc_mcontext.fpregs).as<std::uint8_t>(); }
  _fpx_sw_bytes& software_bytes() { return *VirtAddr(vector_state() + kSoftwareBytes).as<_fpx_sw_bytes>(); }

  // The handler returns: RET into the restorer, which makes the system call.
  Result<arch::SignalReturn> handler_returns() {
    arch::TrapFrame call = frame_;
    call.rsp += 8;
    call.vector = arch::TrapFrame::kSyscallVector;
    call.error = 15;
    Result<arch::SignalReturn> result = arch::pop_signal_frame(call);
    frame_ = call;
    return result;
  }

  std::vector<std::uint8_t> stack_ = std::vector<std::uint8_t>(kStackSize, 0xcc);
  siginfo_t info_{};
  arch::TrapFrame before_{}, frame_{};
  arch::SignalDelivery delivery_{};
};

TEST_F(SignalFrameTest, TheHandlerIsEnteredAsACallOfTheRestorer) {
  push();
  EXPECT_EQ(frame_.rip, delivery_.handler.value());
  EXPECT_EQ(frame_.rdi, static_cast<std::uint64_t>(SIGSEGV));
  EXPECT_EQ(frame_.rsp % 16, 8u);
  EXPECT_EQ(*VirtAddr(frame_.rsp).as<std::uint64_t>(), delivery_.restorer.value());
  EXPECT_EQ(frame_.rflags & 0x400, 0u);  // the ABI: DF is clear at a function's entry
  EXPECT_EQ(frame_.rflags & 0x200, 0x200u);
  EXPECT_EQ(std::memcmp(VirtAddr(frame_.rsi).as<void>(), &info_, sizeof(info_)), 0);
}

TEST_F(SignalFrameTest, TheContextHoldsTheInterruptedRegisters) {
  push();
  EXPECT_EQ(reg(REG_R8), static_cast<greg_t>(before_.r8));
  EXPECT_EQ(reg(REG_R15), static_cast<greg_t>(before_.r15));
  EXPECT_EQ(reg(REG_RDI), static_cast<greg_t>(before_.rdi));
  EXPECT_EQ(reg(REG_RSI), static_cast<greg_t>(before_.rsi));
  EXPECT_EQ(reg(REG_RBP), static_cast<greg_t>(before_.rbp));
  EXPECT_EQ(reg(REG_RBX), static_cast<greg_t>(before_.rbx));
  EXPECT_EQ(reg(REG_RDX), static_cast<greg_t>(before_.rdx));
  EXPECT_EQ(reg(REG_RAX), static_cast<greg_t>(before_.rax));
  EXPECT_EQ(reg(REG_RCX), static_cast<greg_t>(before_.rcx));
  EXPECT_EQ(reg(REG_RSP), static_cast<greg_t>(before_.rsp));
  EXPECT_EQ(reg(REG_RIP), static_cast<greg_t>(before_.rip));
  EXPECT_EQ(reg(REG_EFL), static_cast<greg_t>(before_.rflags));
  EXPECT_EQ(reg(REG_CR2), 0xdead'beef);
  EXPECT_EQ(reg(REG_TRAPNO), 14);
  EXPECT_EQ(reg(REG_ERR), 6);
  EXPECT_EQ(reg(REG_CSGSFS) & 0xffff, 0x33);  // the application's selector on Linux
  EXPECT_EQ(std::memcmp(&context().uc_sigmask, &delivery_.blocked_mask, 8), 0);
  EXPECT_EQ(VirtAddr(context().uc_stack.ss_sp).value(), delivery_.alternate.base);
  EXPECT_EQ(context().uc_stack.ss_size, delivery_.alternate.size);
  EXPECT_EQ(context().uc_stack.ss_flags, SS_DISABLE);
}

TEST_F(SignalFrameTest, TheVectorStateIsAnXsaveAreaThatSaysSo) {
  push();
  EXPECT_EQ(VirtAddr(vector_state()).value() % 64, 0u);
  EXPECT_EQ(std::memcmp(vector_state(), live.data(), kSoftwareBytes), 0);
  EXPECT_EQ(std::memcmp(vector_state() + kHeader, &live[kHeader], kAreaSize - kHeader), 0);
  EXPECT_EQ(software_bytes().magic1, 0x46505853u);
  EXPECT_EQ(software_bytes().xstate_bv, kComponents);
  EXPECT_EQ(software_bytes().xstate_size, kAreaSize);
  EXPECT_EQ(software_bytes().extended_size, kAreaSize + 4);
  std::uint32_t end;
  std::memcpy(&end, vector_state() + kAreaSize, sizeof(end));
  EXPECT_EQ(end, 0x46505845u);
}

TEST_F(SignalFrameTest, TheRedZoneAndWhatIsAboveStayUntouched) {
  push();
  for (std::uint64_t at = before_.rsp - 128; at < stack_end(); ++at)
    ASSERT_EQ(*VirtAddr(at).as<std::uint8_t>(), 0xcc) << before_.rsp - at << " bytes below the stack pointer";
  EXPECT_LE(before_.rsp - frame_.rsp, arch::signal_frame_size());
}

TEST_F(SignalFrameTest, TheAlternateStackIsUsedFromItsTop) {
  std::vector<std::uint8_t> alternate(arch::signal_frame_size());
  delivery_.stack_top = VirtAddr(alternate.data() + alternate.size());
  push();
  EXPECT_GE(frame_.rsp, VirtAddr(alternate.data()).value());
  EXPECT_LT(frame_.rsp, delivery_.stack_top.value());
  EXPECT_EQ(reg(REG_RSP), static_cast<greg_t>(before_.rsp));
}

TEST_F(SignalFrameTest, ReturningRestoresEverything) {
  const VectorRegisters vectors = live;
  push();
  live.fill(0xee);  // the handler computes
  for (std::uint64_t* r : {&frame_.r15, &frame_.rbx, &frame_.rax, &frame_.rcx}) *r = 0xee;
  Result<arch::SignalReturn> result = handler_returns();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().blocked_mask, delivery_.blocked_mask);
  EXPECT_EQ(result.value().alternate.base, delivery_.alternate.base);
  EXPECT_EQ(result.value().alternate.size, delivery_.alternate.size);
  EXPECT_EQ(result.value().alternate.flags, delivery_.alternate.flags);
  // Bytes 464 to 511 are software's.
  EXPECT_EQ(std::memcmp(live.data(), vectors.data(), kSoftwareBytes), 0);
  EXPECT_EQ(std::memcmp(&live[kHeader], &vectors[kHeader], kAreaSize - kHeader), 0);
  EXPECT_FALSE(frame_.is_syscall());  // or rt_sigreturn itself might be restarted
  frame_.vector = before_.vector;
  frame_.error = before_.error;
  EXPECT_EQ(std::memcmp(&frame_, &before_, sizeof(frame_)), 0);
}

// How HotSpot goes on after an implicit null check.
TEST_F(SignalFrameTest, AChangedContextTakesEffect) {
  push();
  reg(REG_RIP) = 0x7fff'0000'0000;
  reg(REG_R10) = -1;
  vector_state()[160] = 0x5a;  // XMM0
  ASSERT_TRUE(handler_returns().ok());
  EXPECT_EQ(frame_.rip, 0x7fff'0000'0000u);
  EXPECT_EQ(frame_.r10, ~std::uint64_t{0});
  EXPECT_EQ(live[160], 0x5a);
}

TEST_F(SignalFrameTest, FlagsThatAreNotTheApplicationsDoNotComeBack) {
  push();
  constexpr greg_t kTrap = 0x100, kInterrupts = 0x200, kPrivilege = 0x3000, kNested = 0x4000, kCarry = 1;
  reg(REG_EFL) = (reg(REG_EFL) | kTrap | kPrivilege | kNested | kCarry) & ~kInterrupts;
  ASSERT_TRUE(handler_returns().ok());
  EXPECT_EQ(frame_.rflags & 0x7200, 0x200u);
  EXPECT_EQ(frame_.rflags & 0x101, 0x101u);  // single steps and carry are the application's
}

TEST_F(SignalFrameTest, AContextWithoutTheExtendedPartResetsIt) {
  push();
  software_bytes().magic1 = 0;
  ASSERT_TRUE(handler_returns().ok());
  std::uint64_t present;
  std::memcpy(&present, &live[kHeader], sizeof(present));
  EXPECT_EQ(present, 3u);  // x87 and SSE from the frame, the rest in its initial state
}

TEST_F(SignalFrameTest, AContextWithoutVectorStateLeavesTheRegisters) {
  push();
  context().uc_mcontext.fpregs = nullptr;
  live.fill(0x77);
  ASSERT_TRUE(handler_returns().ok());
  EXPECT_EQ(live[0], 0x77);
}

TEST_F(SignalFrameTest, AStackThatCannotBeWrittenChangesNothing) {
  fake::make_range_fault(stack_.data(), kStackSize);
  const Result<void> result = arch::push_signal_frame(frame_, delivery_);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), Errno::kEFAULT);
  EXPECT_EQ(std::memcmp(&frame_, &before_, sizeof(frame_)), 0);
}

TEST_F(SignalFrameTest, KernelAddressesAreNoStack) {
  for (const std::uint64_t top : {std::uint64_t{0xffff'8000'0010'0000}, std::uint64_t{64}}) {
    delivery_.stack_top = VirtAddr(top);
    const Result<void> result = arch::push_signal_frame(frame_, delivery_);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error(), Errno::kEFAULT);
  }
}

TEST_F(SignalFrameTest, ImplausibleContextsAreRefused) {
  push();
  const arch::TrapFrame in_handler = frame_;
  const ucontext_t good = context();
  const auto expect_refused = [&](Errno error, const char* why) {
    const Result<arch::SignalReturn> result = handler_returns();
    frame_ = in_handler;
    EXPECT_FALSE(result.ok()) << why;
    EXPECT_EQ(result.error(), error) << why;
    // glibc's type is longer than what the kernel writes: its tail is siginfo here.
    std::memcpy(&context(), &good, offsetof(ucontext_t, uc_sigmask) + 8);
  };
  reg(REG_RIP) = static_cast<greg_t>(0xffff'8000'0000'0000);
  expect_refused(Errno::kEINVAL, "instruction pointer in the kernel");
  reg(REG_RSP) = static_cast<greg_t>(0x8000'0000'0000'0000);
  expect_refused(Errno::kEINVAL, "stack pointer that is not an address");
  // SAFETY: an address in kernel space, never followed.
  context().uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(0xffff'8000'0000'0000);
  expect_refused(Errno::kEFAULT, "vector state in the kernel");
  vector_state()[kHeader + 1] = 0x80;
  expect_refused(Errno::kEINVAL, "a component that is not enabled");
  fake::make_range_fault(&context(), 8);
  expect_refused(Errno::kEFAULT, "unreadable context");
}

}  // namespace
}  // namespace mokapot
