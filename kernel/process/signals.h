// SPDX-License-Identifier: Apache-2.0
//
// Signals: sending, queueing, choosing a task, delivery on the way back to the application. man 7 signal.
//
// Lock: one spinlock for all signal state (rank kSignals, interrupts off: timers send from interrupts): actions, the
// process's and the tasks' queues. A task's blocked mask is written by the task itself only.
// Contexts: sending in any but NMI; delivery in thread context.
#pragma once

#include <cstdint>

#include "arch/trap_frame.h"
#include "base/result.h"
#include "process/signal_state.h"
#include "process/task.h"

namespace mokapot {

// Numbers that the kernel itself uses.
inline constexpr int kSigHup = 1, kSigInt = 2, kSigQuit = 3, kSigIll = 4, kSigTrap = 5, kSigAbrt = 6, kSigBus = 7;
inline constexpr int kSigFpe = 8, kSigKill = 9, kSigSegv = 11, kSigPipe = 13, kSigAlrm = 14, kSigTerm = 15;
inline constexpr int kSigChld = 17, kSigCont = 18, kSigStop = 19, kSigTstp = 20, kSigTtin = 21, kSigTtou = 22;
inline constexpr int kSigUrg = 23, kSigWinch = 28, kSigSys = 31;
// si_code values.
inline constexpr std::int32_t kCodeUser = 0, kCodeKernel = 0x80, kCodeQueue = -1, kCodeTimer = -2, kCodeTkill = -6;

// Linux's struct sigaction of the system call (not glibc's).
struct SignalAction {
  std::uint64_t handler = 0;  // 0: default, 1: ignore
  std::uint64_t flags = 0;
  std::uint64_t restorer = 0;
  SignalSet mask = 0;
};
inline constexpr std::uint64_t kHandlerDefault = 0, kHandlerIgnore = 1;
inline constexpr std::uint64_t kSaSigInfo = 4, kSaNoChildStop = 1, kSaNoChildWait = 2, kSaOnStack = 0x08000000;
inline constexpr std::uint64_t kSaRestart = 0x10000000, kSaNoDefer = 0x40000000, kSaResetHandler = 0x80000000;
inline constexpr std::uint64_t kSaRestorer = 0x04000000;

void initialise_signals();  // boot

// A signal to the process (kill) or to one task (tgkill). info.signal says which. kEAGAIN: too many queued.
Result<void> send_signal_to_process(const SignalInfo& info);
Result<void> send_signal_to_task(Task& task, const SignalInfo& info);
// A fault of the calling task: cannot be blocked or ignored; if it is, the process ends by it.
void force_signal(const SignalInfo& info);

SignalAction signal_action(int signal);
// kEINVAL for SIGKILL and SIGSTOP. Setting "ignore" drops what is pending.
Result<void> set_signal_action(int signal, const SignalAction& action);
// Replaces the calling task's mask (SIGKILL and SIGSTOP stay out) and looks for what may be delivered now.
void set_blocked_signals(SignalSet mask);
SignalSet pending_signals(const Task& task);  // the task's and the process's
SignalSet pending_process_signals();          // the process's alone
// Takes one pending signal of set off the queues without delivering it (rt_sigtimedwait). False: none.
bool take_pending_signal(SignalSet set, SignalInfo& info);

// Blocks `mask` in place of the current mask until the handler's frame has been made (rt_sigsuspend, ppoll).
void set_temporary_mask(SignalSet mask);

// Trap handler hook, application_work of arch/traps.h.
void deliver_signals(arch::TrapFrame& frame);
// rt_sigreturn on the calling task's frame.
Result<void> return_from_signal(arch::TrapFrame& frame);

const char* signal_name(int signal);  // "SIGSEGV"; "SIG34" for real-time ones is "SIGRT"

}  // namespace mokapot
