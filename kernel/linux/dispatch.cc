// SPDX-License-Identifier: Apache-2.0
#include "linux/dispatch.h"

#include <atomic>
#include <type_traits>

#include "base/format.h"
#include "linux/syscall_types.h"
#include "linux/syscall_trace.h"
#include "process/task.h"
#include "trace/log.h"

namespace mokapot {
namespace {

template <typename T>
T from_register(std::uint64_t value) {
  if constexpr (std::is_same_v<T, VirtAddr>) return VirtAddr(value);
  else if constexpr (std::is_same_v<T, Path>) return Path{VirtAddr(value)};
  else if constexpr (std::is_same_v<T, Flags>) return Flags{value};
  else if constexpr (std::is_same_v<T, Descriptor>) return Descriptor{static_cast<std::int32_t>(value)};
  else return static_cast<T>(value);
}

template <typename T>
constexpr ArgumentKind kind_of() {
  if constexpr (std::is_same_v<T, VirtAddr>) return ArgumentKind::kAddress;
  else if constexpr (std::is_same_v<T, Path>) return ArgumentKind::kPath;
  else if constexpr (std::is_same_v<T, Flags>) return ArgumentKind::kFlags;
  else if constexpr (std::is_same_v<T, Descriptor>) return ArgumentKind::kDescriptor;
  else if constexpr (std::is_same_v<T, int>) return ArgumentKind::kInt;
  else if constexpr (std::is_signed_v<T>) return ArgumentKind::kLong;
  else return ArgumentKind::kUnsigned;
}

using Word = std::uint64_t;

template <std::size_t index>
constexpr Word word([[maybe_unused]] Word a, [[maybe_unused]] Word b, [[maybe_unused]] Word c, [[maybe_unused]] Word d,
                    [[maybe_unused]] Word e, [[maybe_unused]] Word f) {
  if constexpr (index == 0) return a;
  else if constexpr (index == 1) return b;
  else if constexpr (index == 2) return c;
  else if constexpr (index == 3) return d;
  else if constexpr (index == 4) return e;
  else return f;
}

// One wrapper a call, made from the types of its prototype. The words are where the function looks for its arguments, so
// the compiler makes most of them a single jump.
template <auto function, typename Signature = decltype(function)>
struct Call;
template <auto function, typename... Args>
struct Call<function, SyscallResult (*)(Args...)> {
  static SyscallResult invoke(Word a, Word b, Word c, Word d, Word e, Word f) {
    return invoke_with(std::index_sequence_for<Args...>{}, a, b, c, d, e, f);
  }
  template <std::size_t... I>
  static SyscallResult invoke_with(std::index_sequence<I...>, [[maybe_unused]] Word a, [[maybe_unused]] Word b,
                                   [[maybe_unused]] Word c, [[maybe_unused]] Word d, [[maybe_unused]] Word e,
                                   [[maybe_unused]] Word f) {
    return function(from_register<Args>(word<I>(a, b, c, d, e, f))...);
  }
};

constexpr std::size_t kSlots = arch::kSystemCallSlots;

SyscallResult unknown_call(Word, Word, Word, Word, Word, Word);

struct Table {
  arch::SystemCall calls[kSlots] = {};
  SyscallDescription descriptions[kSlots] = {};

  constexpr Table() {
    for (arch::SystemCall& call : calls) call = unknown_call;
#define ROW(number, name, ...)                                       \
  static_assert(number < kSlots - 1, "the last slot is for numbers that are too high"); \
  calls[number] = &Call<&sys_##name>::invoke;               \
  descriptions[number] = {#name, sizeof((ArgumentKind[]){__VA_ARGS__}) / sizeof(ArgumentKind) - 1, \
                          {__VA_ARGS__}};
#define SYSCALL0(number, name) ROW(number, name, ArgumentKind::kNone)
#define SYSCALL1(number, name, t1, a1) ROW(number, name, kind_of<t1>(), ArgumentKind::kNone)
#define SYSCALL2(number, name, t1, a1, t2, a2) ROW(number, name, kind_of<t1>(), kind_of<t2>(), ArgumentKind::kNone)
#define SYSCALL3(number, name, t1, a1, t2, a2, t3, a3) \
  ROW(number, name, kind_of<t1>(), kind_of<t2>(), kind_of<t3>(), ArgumentKind::kNone)
#define SYSCALL4(number, name, t1, a1, t2, a2, t3, a3, t4, a4) \
  ROW(number, name, kind_of<t1>(), kind_of<t2>(), kind_of<t3>(), kind_of<t4>(), ArgumentKind::kNone)
#define SYSCALL5(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
  ROW(number, name, kind_of<t1>(), kind_of<t2>(), kind_of<t3>(), kind_of<t4>(), kind_of<t5>(), ArgumentKind::kNone)
#define SYSCALL6(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)                          \
  ROW(number, name, kind_of<t1>(), kind_of<t2>(), kind_of<t3>(), kind_of<t4>(), kind_of<t5>(), kind_of<t6>(), \
      ArgumentKind::kNone)
#include "linux/syscalls.def"
  }
};

constinit const Table table;

// Unknown calls are named once each, those above the table always. Relaxed: a doubled line does no harm.
constinit std::atomic<std::uint64_t> reported[kSlots / 64] = {};

SyscallResult unknown_call(Word, Word, Word, Word, Word, Word) {
  const std::uint64_t number = arch::current_application_frame().syscall_number();
  const std::uint64_t bit = std::uint64_t{1} << (number % 64);
  if (number >= kSlots || (reported[number / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0)
    LOG_WARNING("system call %lu is not there: ENOSYS", number);
  return Errno::kENOSYS;
}

SyscallResult traced_call(Word a, Word b, Word c, Word d, Word e, Word f) {
  arch::TrapFrame& frame = arch::current_application_frame();
  const std::uint64_t number = frame.syscall_number();
  if (syscall_name(number) == nullptr) return unknown_call(a, b, c, d, e, f);
  trace_syscall_entry(table.descriptions[number], frame);
  SyscallResult result = table.calls[number](a, b, c, d, e, f);
  frame.set_result(result.ok() ? result.value() : -static_cast<std::int64_t>(result.error()));
  trace_syscall_exit(table.descriptions[number], frame);
  return result;
}

struct TracedTable {
  arch::SystemCall calls[kSlots] = {};
  constexpr TracedTable() {
    for (arch::SystemCall& call : calls) call = traced_call;
  }
};
constinit const TracedTable traced_table;

}  // namespace

void set_syscall_trace(SyscallTrace trace) {
  arch::set_system_calls(trace == SyscallTrace::kOn ? traced_table.calls : table.calls);
}

const char* syscall_name(std::uint64_t number) {
  return number < kSlots ? table.descriptions[number].name : nullptr;
}

std::size_t syscall_argument_count(std::uint64_t number) {
  return number < kSlots ? table.descriptions[number].argument_count : 0;
}

}  // namespace mokapot
