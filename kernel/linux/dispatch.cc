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

// One wrapper a call, made from the types of its prototype.
template <auto function, typename Signature = decltype(function)>
struct Call;
template <auto function, typename... Args>
struct Call<function, SyscallResult (*)(Args...)> {
  static std::int64_t invoke(const arch::TrapFrame& frame) {
    return invoke_with(frame, std::index_sequence_for<Args...>{});
  }
  template <std::size_t... I>
  static std::int64_t invoke_with([[maybe_unused]] const arch::TrapFrame& frame, std::index_sequence<I...>) {
    SyscallResult result = function(from_register<Args>(frame.syscall_argument(I))...);
    return result.ok() ? result.value() : -static_cast<std::int64_t>(result.error());
  }
};

struct Entry {
  std::int64_t (*invoke)(const arch::TrapFrame& frame) = nullptr;
  SyscallDescription description;
};

struct Table {
  static constexpr std::size_t kSize = 512;
  Entry entries[kSize] = {};

  constexpr Table() {
#define ROW(number, name, ...)                                       \
  entries[number].invoke = &Call<&sys_##name>::invoke;               \
  entries[number].description = {#name, sizeof((ArgumentKind[]){__VA_ARGS__}) / sizeof(ArgumentKind) - 1, \
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

// Unknown calls are named once each. Relaxed: a doubled line does no harm.
constinit std::atomic<std::uint64_t> reported[Table::kSize / 64] = {};
constinit std::atomic<bool> tracing{false};

std::int64_t unknown_call(std::uint64_t number) {
  if (number >= Table::kSize) {
    LOG_WARNING("system call %lu is not there: ENOSYS", number);
  } else {
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    if ((reported[number / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0)
      LOG_WARNING("system call %lu is not there: ENOSYS", number);
  }
  return -static_cast<std::int64_t>(Errno::kENOSYS);
}

}  // namespace

void set_syscall_trace(SyscallTrace trace) { tracing.store(trace == SyscallTrace::kOn, std::memory_order_relaxed); }

const char* syscall_name(std::uint64_t number) {
  return number < Table::kSize && table.entries[number].invoke != nullptr ? table.entries[number].description.name : nullptr;
}

void dispatch_system_call(arch::TrapFrame& frame) {
  const std::uint64_t number = frame.syscall_number();
  const Entry* entry = number < Table::kSize ? &table.entries[number] : nullptr;
  const bool traced = tracing.load(std::memory_order_relaxed);
  if (entry == nullptr || entry->invoke == nullptr) [[unlikely]] {
    frame.set_result(unknown_call(number));
    return;
  }
  if (traced) [[unlikely]] trace_syscall_entry(entry->description, frame);
  // rt_sigreturn and exec replace the frame; what they return is what it holds then.
  frame.set_result(entry->invoke(frame));
  if (traced) [[unlikely]] trace_syscall_exit(entry->description, frame);
}

}  // namespace mokapot
