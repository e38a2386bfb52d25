// SPDX-License-Identifier: Apache-2.0
// sources: kernel/linux/dispatch.cc
//
// From registers to arguments and back, for every row of the table: each sys_* is replaced by one that notes its
// arguments, made from the same table.

#include "linux/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "fakes/log.h"
#include "linux/syscall_trace.h"
#include "linux/syscall_types.h"

namespace mokapot {
namespace {

// What the last call got: each argument as 64 bits, extended by its type's rules.
struct Noted {
  std::uint64_t number = 0;
  std::vector<std::uint64_t> arguments;
};
Noted noted;
Result<std::int64_t> (*answer)() = []() -> Result<std::int64_t> { return 0; };
std::vector<std::string> traced;

template <typename T>
std::uint64_t as_bits(T argument) {
  if constexpr (std::is_same_v<T, VirtAddr>) return argument.value();
  else if constexpr (std::is_same_v<T, Path>) return argument.address.value();
  else if constexpr (std::is_same_v<T, Flags>) return argument.value;
  else if constexpr (std::is_same_v<T, Descriptor>) return static_cast<std::uint64_t>(std::int64_t{argument.number});
  else if constexpr (std::is_signed_v<T>) return static_cast<std::uint64_t>(std::int64_t{argument});
  else return std::uint64_t{argument};
}

// What a function of this prototype must see of a register, by the C ABI: an int is its low half.
template <typename T>
std::uint64_t expected_bits(std::uint64_t value) {
  if constexpr (std::is_same_v<T, Descriptor> || std::is_same_v<T, int>)
    return static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)});
  else if constexpr (std::is_same_v<T, unsigned>) return value & 0xffff'ffff;
  else return value;
}

struct Row {
  std::uint64_t number;
  const char* name;
  std::vector<std::uint64_t (*)(std::uint64_t)> expected;
};

}  // namespace

#define NOTE(number, ...) noted = {number, {__VA_ARGS__}}; return answer();
#define SYSCALL0(number, name) SyscallResult sys_##name() { NOTE(number) }
#define SYSCALL1(number, name, t1, a1) SyscallResult sys_##name(t1 a1) { NOTE(number, as_bits(a1)) }
#define SYSCALL2(number, name, t1, a1, t2, a2) \
  SyscallResult sys_##name(t1 a1, t2 a2) { NOTE(number, as_bits(a1), as_bits(a2)) }
#define SYSCALL3(number, name, t1, a1, t2, a2, t3, a3) \
  SyscallResult sys_##name(t1 a1, t2 a2, t3 a3) { NOTE(number, as_bits(a1), as_bits(a2), as_bits(a3)) }
#define SYSCALL4(number, name, t1, a1, t2, a2, t3, a3, t4, a4) \
  SyscallResult sys_##name(t1 a1, t2 a2, t3 a3, t4 a4) { NOTE(number, as_bits(a1), as_bits(a2), as_bits(a3), as_bits(a4)) }
#define SYSCALL5(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5)     \
  SyscallResult sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5) {            \
    NOTE(number, as_bits(a1), as_bits(a2), as_bits(a3), as_bits(a4), as_bits(a5)) \
  }
#define SYSCALL6(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)                    \
  SyscallResult sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6) {                            \
    NOTE(number, as_bits(a1), as_bits(a2), as_bits(a3), as_bits(a4), as_bits(a5), as_bits(a6)) \
  }
#include "linux/syscalls.def"

namespace arch {
const SystemCall* installed = nullptr;
TrapFrame* current_frame = nullptr;
void set_system_calls(const SystemCall* table) { installed = table; }
TrapFrame& current_application_frame() { return *current_frame; }
}  // namespace arch

// As entry.S does it.
void make_call(arch::TrapFrame& frame) {
  const std::uint64_t slot = std::min<std::uint64_t>(frame.syscall_number(), arch::kSystemCallSlots - 1);
  arch::current_frame = &frame;
  const auto result = arch::installed[slot](frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9);
  frame.set_result(result.ok() ? result.value() : -static_cast<std::int64_t>(result.error()));
}

void trace_syscall_entry(const SyscallDescription& description, const arch::TrapFrame&) {
  traced.push_back(std::string(description.name) + "/" + std::to_string(description.argument_count));
}
void trace_syscall_exit(const SyscallDescription&, const arch::TrapFrame& frame) {
  traced.push_back("= " + std::to_string(frame.result()));
}

namespace {

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
#define E(type) expected_bits<type>
#define SYSCALL0(number, name) {number, #name, {}},
#define SYSCALL1(number, name, t1, a1) {number, #name, {E(t1)}},
#define SYSCALL2(number, name, t1, a1, t2, a2) {number, #name, {E(t1), E(t2)}},
#define SYSCALL3(number, name, t1, a1, t2, a2, t3, a3) {number, #name, {E(t1), E(t2), E(t3)}},
#define SYSCALL4(number, name, t1, a1, t2, a2, t3, a3, t4, a4) {number, #name, {E(t1), E(t2), E(t3), E(t4)}},
#define SYSCALL5(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
  {number, #name, {E(t1), E(t2), E(t3), E(t4), E(t5)}},
#define SYSCALL6(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
  {number, #name, {E(t1), E(t2), E(t3), E(t4), E(t5), E(t6)}},
#include "linux/syscalls.def"
  };
  return all;
}

// The registers of the ABI, each with bits in both halves and the low half negative as an int.
constexpr std::uint64_t kRegisters[] = {0x1111'0000'8000'0001, 0x2222'0000'8000'0002, 0x3333'0000'8000'0003,
                                        0x4444'0000'8000'0004, 0x5555'0000'8000'0005, 0x6666'0000'8000'0006};

arch::TrapFrame call_frame(std::uint64_t number) {
  arch::TrapFrame frame{};
  frame.vector = arch::TrapFrame::kSyscallVector;
  frame.error = number;
  frame.rdi = kRegisters[0];
  frame.rsi = kRegisters[1];
  frame.rdx = kRegisters[2];
  frame.r10 = kRegisters[3];
  frame.r8 = kRegisters[4];
  frame.r9 = kRegisters[5];
  return frame;
}

class DispatchTest : public testing::Test {
 protected:
  DispatchTest() {
    set_syscall_trace(SyscallTrace::kOff);
    fake::log_lines().clear();
    traced.clear();
    answer = []() -> Result<std::int64_t> { return 0; };
  }
};

TEST_F(DispatchTest, EveryRowGetsItsArgumentsFromItsRegisters) {
  ASSERT_FALSE(rows().empty());
  for (const Row& row : rows()) {
    arch::TrapFrame frame = call_frame(row.number);
    make_call(frame);
    EXPECT_EQ(noted.number, row.number) << row.name;
    ASSERT_EQ(noted.arguments.size(), row.expected.size()) << row.name;
    for (std::size_t i = 0; i < row.expected.size(); ++i)
      EXPECT_EQ(noted.arguments[i], row.expected[i](kRegisters[i])) << row.name << ", argument " << i;
    EXPECT_STREQ(syscall_name(row.number), row.name);
  }
}

// So that a row is found by looking, and none hides another.
TEST_F(DispatchTest, RowsAscendByNumber) {
  for (std::size_t i = 1; i < rows().size(); ++i)
    EXPECT_LT(rows()[i - 1].number, rows()[i].number) << rows()[i].name;
}

TEST_F(DispatchTest, ValuesAndErrorsComeBackInOneRegister) {
  const std::uint64_t number = rows().front().number;
  arch::TrapFrame frame = call_frame(number);
  answer = []() -> Result<std::int64_t> { return 0x7fff'1234'5000; };
  make_call(frame);
  EXPECT_EQ(frame.rax, 0x7fff'1234'5000u);
  answer = []() -> Result<std::int64_t> { return Errno::kEFAULT; };
  make_call(frame);
  EXPECT_EQ(frame.result(), -14);
}

TEST_F(DispatchTest, UnknownCallsAnswerEnosysAndAreNamedOnce) {
  for (const std::uint64_t number : {std::uint64_t{511}, std::uint64_t{512}, ~std::uint64_t{0}}) {
    EXPECT_EQ(syscall_name(number), nullptr);
    arch::TrapFrame frame = call_frame(number);
    make_call(frame);
    EXPECT_EQ(frame.result(), -38);
  }
  ASSERT_EQ(fake::log_lines().size(), 3u);
  EXPECT_NE(fake::log_lines()[0].find("511"), std::string::npos);
  arch::TrapFrame frame = call_frame(511);
  make_call(frame);
  EXPECT_EQ(frame.result(), -38);
  EXPECT_EQ(fake::log_lines().size(), 3u);
}

TEST_F(DispatchTest, EverySlotHasACallWithTracingToo) {
  for (const SyscallTrace trace : {SyscallTrace::kOff, SyscallTrace::kOn}) {
    set_syscall_trace(trace);
    for (std::size_t slot = 0; slot < arch::kSystemCallSlots; ++slot) EXPECT_NE(arch::installed[slot], nullptr);
  }
  arch::TrapFrame frame = call_frame(510);
  make_call(frame);
  EXPECT_EQ(frame.result(), -38);
}

TEST_F(DispatchTest, TracingShowsCallAndResult) {
  const Row& row = rows().front();
  arch::TrapFrame frame = call_frame(row.number);
  answer = []() -> Result<std::int64_t> { return 42; };
  make_call(frame);
  EXPECT_TRUE(traced.empty());
  set_syscall_trace(SyscallTrace::kOn);
  make_call(frame);
  EXPECT_EQ(traced, (std::vector<std::string>{std::string(row.name) + "/" + std::to_string(row.expected.size()), "= 42"}));
}

}  // namespace
}  // namespace mokapot
