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

// The same functions under the type that the stub calls: the linker knows each by its plain name.
namespace as_words {
#define ENTRY(name) \
  SyscallResult name(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) asm("sys_" #name);
#define SYSCALL0(number, name) ENTRY(name)
#define SYSCALL1(number, name, ...) ENTRY(name)
#define SYSCALL2(number, name, ...) ENTRY(name)
#define SYSCALL3(number, name, ...) ENTRY(name)
#define SYSCALL4(number, name, ...) ENTRY(name)
#define SYSCALL5(number, name, ...) ENTRY(name)
#define SYSCALL6(number, name, ...) ENTRY(name)
#include "linux/syscalls.def"
#undef ENTRY
}  // namespace as_words

namespace {

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

// The stub calls each function with six words in the registers where it looks for its arguments: a type of at least
// 32 bits is its register's lower part, and what a function has no use for it does not see.
template <typename... Args>
constexpr bool takes_words(SyscallResult (*)(Args...)) {
  return ((std::is_trivially_copyable_v<Args> && (sizeof(Args) == 4 || sizeof(Args) == 8)) && ...);
}

using Word = std::uint64_t;

constexpr std::size_t kSlots = arch::kSystemCallSlots;

SyscallResult unknown_call(Word, Word, Word, Word, Word, Word);

struct Table {
  arch::SystemCall calls[kSlots] = {};
  SyscallDescription descriptions[kSlots] = {};

  constexpr Table() {
    for (arch::SystemCall& call : calls) call = unknown_call;
#define ROW(number, name, ...)                                       \
  static_assert(number < kSlots - 1, "the last slot is for numbers that are too high"); \
  static_assert(takes_words(&sys_##name)); \
  calls[number] = &as_words::name;               \
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
