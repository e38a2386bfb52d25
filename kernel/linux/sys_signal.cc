// SPDX-License-Identifier: Apache-2.0
//
// Signal system calls: decoding and checks; the work is in process/signals.
#include "arch/traps.h"
#include "linux/syscall_types.h"
#include "process/process.h"
#include "process/signals.h"
#include "sched/wait_queue.h"
#include "time/clock.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::size_t kSetSize = sizeof(SignalSet);
struct TimeSpec {
  std::int64_t seconds, nanoseconds;
};

bool is_signal(int signal) { return signal >= 1 && signal <= kSignalCount; }

SignalInfo info_from_user(int signal, std::int32_t code) {
  SignalInfo info;
  info.signal = signal;
  info.code = code;
  info.sender = {kProcessId, 0, 0};
  return info;
}

// kill, tkill, tgkill with signal 0 only ask whether the target is there.
SyscallResult send_to_task(int tid, int signal, std::int32_t code) {
  RefPtr<Task> task = find_task(tid);
  if (!task) return Errno::kESRCH;
  if (signal != 0) TRY(send_signal_to_task(*task, info_from_user(signal, code)));
  return 0;
}

}  // namespace

SyscallResult sys_rt_sigaction(int signal, VirtAddr action, VirtAddr old_action, std::size_t set_size) {
  if (set_size != kSetSize || !is_signal(signal)) return Errno::kEINVAL;
  const SignalAction before = signal_action(signal);
  if (!action.is_null()) {
    const auto wanted = TRY(read_application<SignalAction>(action));
    TRY(set_signal_action(signal, wanted));
  }
  if (!old_action.is_null()) TRY(write_application(old_action, before));
  return 0;
}

SyscallResult sys_rt_sigprocmask(int how, VirtAddr set, VirtAddr old_set, std::size_t set_size) {
  if (set_size != kSetSize) return Errno::kEINVAL;
  const SignalSet before = current_task().signals.blocked.load(std::memory_order_relaxed);
  if (!set.is_null()) {
    const auto given = TRY(read_application<SignalSet>(set));
    switch (how) {
      case 0: set_blocked_signals(before | given); break;
      case 1: set_blocked_signals(before & ~given); break;
      case 2: set_blocked_signals(given); break;
      default: return Errno::kEINVAL;
    }
  }
  if (!old_set.is_null()) TRY(write_application(old_set, before));
  return 0;
}

SyscallResult sys_rt_sigreturn() {
  arch::TrapFrame& frame = arch::current_application_frame();
  if (!return_from_signal(frame).ok()) {
    SignalInfo info;
    info.signal = kSigSegv;
    info.code = kCodeKernel;
    force_signal(info);
  }
  return frame.result();
}

SyscallResult sys_rt_sigpending(VirtAddr set, std::size_t set_size) {
  if (set_size > kSetSize) return Errno::kEINVAL;
  const Task& task = current_task();
  const SignalSet pending = pending_signals(task) & task.signals.blocked.load(std::memory_order_relaxed);
  TRY(copy_to_application(set, &pending, set_size));
  return 0;
}

SyscallResult sys_rt_sigsuspend(VirtAddr mask, std::size_t set_size) {
  if (set_size != kSetSize) return Errno::kEINVAL;
  set_temporary_mask(TRY(read_application<SignalSet>(mask)));
  WaitQueue nobody;
  wait_until(nobody, Instant::never(), Interruptible::kYes, [] { return false; });
  return Errno::kRestartNoHandler;
}

SyscallResult sys_pause() {
  WaitQueue nobody;
  wait_until(nobody, Instant::never(), Interruptible::kYes, [] { return false; });
  return Errno::kRestartNoHandler;
}

SyscallResult sys_rt_sigtimedwait(VirtAddr set, VirtAddr info_out, VirtAddr timeout, std::size_t set_size) {
  if (set_size != kSetSize) return Errno::kEINVAL;
  const auto wanted = TRY(read_application<SignalSet>(set));
  Instant deadline = Instant::never();
  if (!timeout.is_null()) {
    const auto time = TRY(read_application<TimeSpec>(timeout));
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= 1000000000) return Errno::kEINVAL;
    deadline = now() + Duration::seconds(time.seconds) + Duration::nanoseconds(time.nanoseconds);
  }
  SignalInfo info;
  if (!take_pending_signal(wanted, info)) {
    // Unblocked while it waits, so that the senders wake this task; taken before delivery can see them.
    Task& task = current_task();
    const SignalSet before = task.signals.blocked.load(std::memory_order_relaxed);
    set_blocked_signals(before & ~wanted);
    WaitQueue nobody;
    bool found = false;
    const WakeReason reason = wait_until(nobody, deadline, Interruptible::kYes, [&] { return found = take_pending_signal(wanted, info); });
    set_blocked_signals(before);
    if (!found && !take_pending_signal(wanted, info))
      return reason == WakeReason::kTimedOut ? Errno::kEAGAIN : Errno::kEINTR;
  }
  if (!info_out.is_null()) TRY(write_application(info_out, info));
  return info.signal;
}

SyscallResult sys_rt_sigqueueinfo(int pid, int signal, VirtAddr info_in) {
  auto info = TRY(read_application<SignalInfo>(info_in));
  if (pid != kProcessId) return Errno::kESRCH;
  if (!is_signal(signal)) return Errno::kEINVAL;
  info.signal = signal;
  TRY(send_signal_to_process(info));
  return 0;
}
SyscallResult sys_rt_tgsigqueueinfo(int group, int tid, int signal, VirtAddr info_in) {
  auto info = TRY(read_application<SignalInfo>(info_in));
  if (group != kProcessId) return Errno::kESRCH;
  if (!is_signal(signal)) return Errno::kEINVAL;
  RefPtr<Task> task = find_task(tid);
  if (!task) return Errno::kESRCH;
  info.signal = signal;
  TRY(send_signal_to_task(*task, info));
  return 0;
}

SyscallResult sys_kill(int pid, int signal) {
  if (signal < 0 || signal > kSignalCount) return Errno::kEINVAL;
  // The process, its group, or everybody: that is the same one, but -1 leaves the caller's process out.
  if (pid == -1) return Errno::kESRCH;
  if (pid != 0 && pid != kProcessId && pid != -kProcessId) {
    if (pid > 0 && find_task(pid)) pid = kProcessId;
    else return Errno::kESRCH;
  }
  if (signal != 0) TRY(send_signal_to_process(info_from_user(signal, kCodeUser)));
  return 0;
}
SyscallResult sys_tkill(int tid, int signal) {
  if (tid <= 0 || signal < 0 || signal > kSignalCount) return Errno::kEINVAL;
  return send_to_task(tid, signal, kCodeTkill);
}
SyscallResult sys_tgkill(int group, int tid, int signal) {
  if (group <= 0 || tid <= 0 || signal < 0 || signal > kSignalCount) return Errno::kEINVAL;
  if (group != kProcessId) return Errno::kESRCH;
  return send_to_task(tid, signal, kCodeTkill);
}

SyscallResult sys_sigaltstack(VirtAddr stack, VirtAddr old_stack) {
  struct Stack {
    std::uint64_t base;
    std::int32_t flags, padding;
    std::uint64_t size;
  };
  constexpr std::uint32_t kOnStack = 1, kDisable = 2, kAutoDisarm = 1u << 31;
  constexpr std::uint64_t kMinimum = 2048;
  SignalState& signals = current_task().signals;
  const std::uint64_t stack_pointer = arch::current_application_frame().stack_pointer().value();
  const bool on_it = signals.alternate_stack_size != 0 &&
                     stack_pointer - signals.alternate_stack.value() <= signals.alternate_stack_size;
  const Stack before{signals.alternate_stack.value(),
                     static_cast<std::int32_t>(signals.alternate_stack_size == 0 ? kDisable : (signals.alternate_stack_flags & kAutoDisarm) | (on_it ? kOnStack : 0)),
                     0, signals.alternate_stack_size};
  if (!stack.is_null()) {
    const auto wanted = TRY(read_application<Stack>(stack));
    const auto flags = static_cast<std::uint32_t>(wanted.flags);
    if (on_it && (signals.alternate_stack_flags & kAutoDisarm) == 0) return Errno::kEPERM;
    const std::uint32_t mode = flags & ~kAutoDisarm;
    if (mode != 0 && mode != kOnStack && mode != kDisable) return Errno::kEINVAL;
    if (mode == kDisable) {
      signals.alternate_stack = VirtAddr();
      signals.alternate_stack_size = 0;
      signals.alternate_stack_flags = kDisable;
    } else {
      if (wanted.size < kMinimum) return Errno::kENOMEM;
      signals.alternate_stack = VirtAddr(wanted.base);
      signals.alternate_stack_size = wanted.size;
      signals.alternate_stack_flags = flags & kAutoDisarm;
    }
  }
  if (!old_stack.is_null()) TRY(write_application(old_stack, before));
  return 0;
}

}  // namespace mokapot
