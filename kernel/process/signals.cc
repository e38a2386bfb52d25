// SPDX-License-Identifier: Apache-2.0
//
// See signals.h. A signal for the process waits in the process's queue and wakes one task that does not block
// it; whichever task gets there first takes it.
#include "process/signals.h"

#include "arch/signal_frame.h"
#include "arch/traps.h"
#include "base/format.h"
#include "base/global.h"
#include "process/pending_signal.h"
#include "process/process.h"
#include "process/signal_file.h"
#include "sync/spinlock.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr SignalSet kUnblockable = signal_bit(kSigKill) | signal_bit(kSigStop);
constexpr SignalSet kIgnoredByDefault =
    signal_bit(kSigChld) | signal_bit(kSigCont) | signal_bit(kSigUrg) | signal_bit(kSigWinch);
// There is nobody to continue a stopped process: the host stops the launcher instead.
constexpr SignalSet kStopByDefault =
    signal_bit(kSigStop) | signal_bit(kSigTstp) | signal_bit(kSigTtin) | signal_bit(kSigTtou);

struct ProcessSignals {
  SpinLock lock{LockRank::kSignals};
  SignalAction actions[kSignalCount] GUARDED_BY(lock);
  SignalQueue queue GUARDED_BY(lock);
};
Global<ProcessSignals> process_signals;

SignalAction& action_of(int signal) REQUIRES(process_signals->lock) { return process_signals->actions[signal - 1]; }

bool is_ignored_locked(int signal) REQUIRES(process_signals->lock) {
  const std::uint64_t handler = action_of(signal).handler;
  if (handler == kHandlerIgnore) return signal != kSigKill;
  return handler == kHandlerDefault && ((kIgnoredByDefault | kStopByDefault) & signal_bit(signal)) != 0;
}

bool blocks(const Task& task, int signal) {
  return (task.signals.blocked.load(std::memory_order_acquire) & signal_bit(signal)) != 0;
}

// A task that can take the signal now: the caller if it can, else the first one, else any.
struct Choice {
  int signal;
  RefPtr<Task> task;
};
void consider(Task& task, void* context) {
  auto& choice = *static_cast<Choice*>(context);
  if (!choice.task && !blocks(task, choice.signal)) choice.task = RefPtr<Task>(&task);
}

}  // namespace

void initialise_signals() {
  process_signals.construct();
  initialise_signal_files();
}

Result<void> send_signal_to_process(const SignalInfo& info) {
  {
    // What the first thread blocks is kept although nobody handles it: signalfd and sigwait are for that.
    const RefPtr<Task> first = find_task(kProcessId);
    const bool kept = first && blocks(*first, info.signal);
    IrqSpinGuard guard(process_signals->lock);
    if (!kept && is_ignored_locked(info.signal)) return {};
    TRY(queue_signal(process_signals->queue, info));
  }
  tell_signal_files(info.signal);
  Choice choice{info.signal, {}};
  if (!arch::in_interrupt() && current_is_task() && !blocks(current_task(), info.signal))
    choice.task = RefPtr<Task>(&current_task());
  else
    for_each_task(consider, &choice);
  if (choice.task) choice.task->interrupt();
  return {};
}

Result<void> send_signal_to_task(Task& task, const SignalInfo& info) {
  {
    IrqSpinGuard guard(process_signals->lock);
    if (is_ignored_locked(info.signal) && !blocks(task, info.signal)) return {};
    TRY(queue_signal(task.signals.queue, info));
  }
  tell_signal_files(info.signal);
  if (!blocks(task, info.signal)) task.interrupt();
  return {};
}

void force_signal(const SignalInfo& info) {
  Task& task = current_task();
  {
    IrqSpinGuard guard(process_signals->lock);
    SignalAction& action = action_of(info.signal);
    const bool blocked = blocks(task, info.signal);
    if (blocked || action.handler == kHandlerIgnore) {
      action.handler = kHandlerDefault;
      task.signals.blocked.fetch_and(~signal_bit(info.signal), std::memory_order_release);
    }
    (void)queue_signal(task.signals.queue, info).ok();
  }
  task.interrupt();
}

SignalAction signal_action(int signal) {
  IrqSpinGuard guard(process_signals->lock);
  return action_of(signal);
}

Result<void> set_signal_action(int signal, const SignalAction& action) {
  if ((kUnblockable & signal_bit(signal)) != 0) return Errno::kEINVAL;
  {
    IrqSpinGuard guard(process_signals->lock);
    action_of(signal) = action;
    action_of(signal).mask &= ~kUnblockable;
    if (!is_ignored_locked(signal)) return {};
    discard_signal(process_signals->queue, signal);
    discard_signal(current_task().signals.queue, signal);
  }
  return {};
}

void set_blocked_signals(SignalSet mask) {
  Task& task = current_task();
  task.signals.blocked.store(mask & ~kUnblockable, std::memory_order_release);
  if ((pending_signals(task) & ~mask) != 0) task.interrupt();
}

SignalSet pending_signals(const Task& task) {
  return task.signals.queue.set.load(std::memory_order_acquire) | pending_process_signals();
}

// Outside the analysis: of a queue the set alone is atomic and may be looked at without the lock.
SignalSet pending_process_signals() NO_THREAD_SAFETY_ANALYSIS {
  return process_signals->queue.set.load(std::memory_order_acquire);
}

bool take_pending_signal(SignalSet set, SignalInfo& info) {
  IrqSpinGuard guard(process_signals->lock);
  return dequeue_signal(current_task().signals.queue, set, info) || dequeue_signal(process_signals->queue, set, info);
}

void set_temporary_mask(SignalSet mask) {
  SignalState& signals = current_task().signals;
  signals.saved_mask = signals.blocked.load(std::memory_order_relaxed);
  signals.restore_saved_mask = true;
  set_blocked_signals(mask);
}

namespace {

void end_by_signal(const SignalInfo& info, const arch::TrapFrame& frame) {
  ProcessEnd how;
  how.status = 128 + info.signal;
  how.signal = info.signal;
  if (info.signal != kSigKill && info.code > 0)
    format_to(how.reason, sizeof(how.reason), "%s at address %#lx, instruction %#lx, no handler", signal_name(info.signal),
              info.fault.address, frame.rip);
  else
    format_to(how.reason, sizeof(how.reason), "%s, no handler", signal_name(info.signal));
  end_process(how);
}

// After a system call that a signal interrupted: run it again, or let it answer EINTR.
void settle_interrupted_call(arch::TrapFrame& frame, const SignalAction* handler) {
  if (!frame.is_syscall()) return;
  const std::int64_t result = frame.result();
  const bool restart = result == -static_cast<std::int64_t>(Errno::kRestart);
  const bool restart_no_handler = result == -static_cast<std::int64_t>(Errno::kRestartNoHandler);
  if (!restart && !restart_no_handler) return;
  if (handler == nullptr || (restart && (handler->flags & kSaRestart) != 0)) frame.restart_syscall();
  else frame.set_result(-static_cast<std::int64_t>(Errno::kEINTR));
}

// The CPU number in the task's rseq area, which glibc's sched_getcpu reads.
void refresh_rseq(Task& task) {
  if (!task.take_rseq_refresh() || task.rseq_area.is_null()) return;
  const std::uint32_t cpu = task.last_cpu().index();
  const std::uint32_t ids[2] = {cpu, cpu};  // cpu_id_start, cpu_id
  (void)copy_to_application(task.rseq_area, ids, sizeof(ids)).ok();
  const std::uint64_t no_section = 0;  // a critical section that was interrupted by migration is over
  std::uint64_t section = 0;
  if (copy_from_application(&section, task.rseq_area + 8, sizeof(section)).ok() && section != 0) {
    // Abort it as Linux does: rseq_cs holds version, flags, start, length, abort address.
    struct { std::uint32_t version, flags; std::uint64_t start, length, abort; } descriptor{};
    arch::TrapFrame& frame = arch::current_application_frame();
    if (copy_from_application(&descriptor, VirtAddr(section), sizeof(descriptor)).ok() &&
        frame.instruction_pointer().value() - descriptor.start < descriptor.length)
      frame.set_instruction_pointer(VirtAddr(descriptor.abort));
    (void)copy_to_application(task.rseq_area + 8, &no_section, sizeof(no_section)).ok();
  }
}

bool push_handler_frame(arch::TrapFrame& frame, const SignalAction& action, const SignalInfo& info) {
  Task& task = current_task();
  SignalState& signals = task.signals;
  arch::SignalDelivery delivery{};
  delivery.signal = info.signal;
  delivery.info = &info;
  delivery.handler = VirtAddr(action.handler);
  delivery.restorer = VirtAddr(action.restorer);
  const SignalSet blocked = signals.blocked.load(std::memory_order_relaxed);
  delivery.blocked_mask = signals.restore_saved_mask ? signals.saved_mask : blocked;
  signals.restore_saved_mask = false;
  const std::uint64_t alternate_begin = signals.alternate_stack.value();
  const bool has_alternate = signals.alternate_stack_size != 0 && (signals.alternate_stack_flags & 2) == 0;
  const bool on_alternate = has_alternate && frame.rsp - alternate_begin <= signals.alternate_stack_size;
  if (has_alternate && (action.flags & kSaOnStack) != 0 && !on_alternate)
    delivery.stack_top = signals.alternate_stack + signals.alternate_stack_size;
  delivery.alternate = {alternate_begin, signals.alternate_stack_size, signals.alternate_stack_flags | (on_alternate ? 1u : 0u)};
  delivery.fault_address = task.last_fault.address;
  delivery.trap_number = task.last_fault.trap;
  delivery.error_code = task.last_fault.error;
  if (!arch::push_signal_frame(frame, delivery).ok()) return false;
  constexpr std::uint32_t kAutoDisarm = 1u << 31;
  if (!delivery.stack_top.is_null() && (signals.alternate_stack_flags & kAutoDisarm) != 0) {
    signals.alternate_stack = VirtAddr();
    signals.alternate_stack_size = 0;
    signals.alternate_stack_flags = 2;
  }
  SignalSet mask = blocked | action.mask;
  if ((action.flags & kSaNoDefer) == 0) mask |= signal_bit(info.signal);
  set_blocked_signals(mask);
  frame.vector = 0;  // what the handler returns into is no system call any more
  return true;
}

}  // namespace

void deliver_signals(arch::TrapFrame& frame) {
  Task& task = current_task();
  if (process_ended()) park_calling_task();
  refresh_rseq(task);
  // Cleared first: a signal that arrives from here on sets it again.
  task.clear_interrupt();
  while (true) {
    SignalInfo info;
    SignalAction action;
    {
      IrqSpinGuard guard(process_signals->lock);
      const SignalSet deliverable = ~task.signals.blocked.load(std::memory_order_relaxed);
      if (!dequeue_signal(task.signals.queue, deliverable, info) &&
          !dequeue_signal(process_signals->queue, deliverable, info))
        break;
      action = action_of(info.signal);
      if (action.handler > kHandlerIgnore && (action.flags & kSaResetHandler) != 0)
        action_of(info.signal).handler = kHandlerDefault;
      if (action.handler <= kHandlerIgnore && is_ignored_locked(info.signal)) continue;
    }
    if (action.handler == kHandlerDefault) {
      end_by_signal(info, frame);
      park_calling_task();
    }
    settle_interrupted_call(frame, &action);
    if (!push_handler_frame(frame, action, info)) {
      // The stack is no good: that is a SIGSEGV in itself, and one that no handler can take.
      SignalInfo fault;
      fault.signal = kSigSegv;
      fault.code = kCodeKernel;
      fault.fault.address = frame.rsp;
      end_by_signal(fault, frame);
      park_calling_task();
    }
  }
  settle_interrupted_call(frame, nullptr);
  if (task.signals.restore_saved_mask) {
    task.signals.restore_saved_mask = false;
    set_blocked_signals(task.signals.saved_mask);
  }
}

Result<void> return_from_signal(arch::TrapFrame& frame) {
  Task& task = current_task();
  const arch::SignalReturn restored = TRY(arch::pop_signal_frame(frame));
  set_blocked_signals(restored.blocked_mask);
  SignalState& signals = task.signals;
  const std::uint64_t begin = signals.alternate_stack.value();
  const bool on_it = frame.rsp - begin <= signals.alternate_stack_size && signals.alternate_stack_size != 0;
  if (!on_it) {
    signals.alternate_stack = VirtAddr(restored.alternate.base);
    signals.alternate_stack_size = restored.alternate.size;
    signals.alternate_stack_flags = restored.alternate.flags & ~1u;
  }
  return {};
}

const char* signal_name(int signal) {
  static constexpr const char* kNames[] = {
      "SIG0",    "SIGHUP",  "SIGINT",  "SIGQUIT", "SIGILL",    "SIGTRAP", "SIGABRT", "SIGBUS",
      "SIGFPE",  "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE", "SIGALRM", "SIGTERM",
      "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG",
      "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",  "SIGPWR",  "SIGSYS"};
  return signal >= 0 && signal < 32 ? kNames[signal] : "SIGRT";
}

}  // namespace mokapot
