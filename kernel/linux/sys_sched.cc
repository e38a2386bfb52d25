// SPDX-License-Identifier: Apache-2.0
//
// Scheduling: sched_*, get/setpriority, getcpu. Ids are thread ids throughout, as in the kernel of Linux; 0 is
// the caller. Everybody is root here, so nothing answers EPERM.

#include <algorithm>

#include "arch/cpu.h"
#include "irq/irq.h"
#include "linux/syscall_types.h"
#include "linux/time_types.h"
#include "process/task.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr int kResetOnFork = 0x4000'0000;
constexpr int kHighestRealTimePriority = 99;

Result<RefPtr<Task>> task_of(int tid) {
  if (tid == 0) return RefPtr<Task>(&current_task());
  RefPtr<Task> task = tid > 0 ? find_task(tid) : nullptr;
  if (!task) return Errno::kESRCH;
  return task;
}

Result<policy::Policy> to_policy(int number) {
  switch (number) {
    case 0: case 1: case 2: case 3: case 5: return static_cast<policy::Policy>(number);
    default: return Errno::kEINVAL;
  }
}

Result<void> set_scheduler(int tid, policy::Policy policy, VirtAddr parameters) {
  const int priority = TRY(read_application<int>(parameters));
  const RefPtr<Task> task = TRY(task_of(tid));
  const bool fits = policy::is_real_time(policy) ? priority >= 1 && priority <= kHighestRealTimePriority
                                                 : priority == 0;
  if (!fits) return Errno::kEINVAL;
  task->set_policy(policy, priority);
  return {};
}

// PRIO_PROCESS, PRIO_PGRP, PRIO_USER: one thread, or all of them, since there is one group and one user.
enum Whose : int { kOneThread = 0, kGroup = 1, kUser = 2 };

template <typename Visit>
Result<void> for_priority_targets(int which, int who, Visit visit) {
  if (which < kOneThread || which > kUser) return Errno::kEINVAL;
  if (which == kOneThread) {
    visit(*TRY(task_of(who)));
    return {};
  }
  const bool is_ours = who == 0 || (which == kGroup && who == kProcessId);
  if (!is_ours) return Errno::kESRCH;
  for_each_task([](Task& task, void* context) { (*static_cast<Visit*>(context))(task); }, &visit);
  return {};
}

}  // namespace

SyscallResult sys_sched_yield() {
  yield();
  return 0;
}

SyscallResult sys_sched_getaffinity(int tid, unsigned size, VirtAddr mask) {
  // One word holds all CPUs. Linux refuses a mask too small for them or not made of whole words.
  if (size < sizeof(CpuMask) || size % sizeof(CpuMask) != 0) return Errno::kEINVAL;
  const RefPtr<Task> task = TRY(task_of(tid));
  const CpuMask usable = task->affinity() & online_cpus();
  TRY(write_application(mask, usable));
  return sizeof(CpuMask);
}

SyscallResult sys_sched_setaffinity(int tid, unsigned size, VirtAddr mask) {
  CpuMask wanted = 0;
  TRY(copy_from_application(&wanted, mask, std::min<std::size_t>(size, sizeof wanted)));
  const RefPtr<Task> task = TRY(task_of(tid));
  if ((wanted & online_cpus()) == 0) return Errno::kEINVAL;
  task->set_affinity(wanted);
  return 0;
}

SyscallResult sys_sched_setscheduler(int tid, int number, VirtAddr parameters) {
  if (tid < 0 || number < 0 || parameters.is_null()) return Errno::kEINVAL;
  TRY(set_scheduler(tid, TRY(to_policy(number & ~kResetOnFork)), parameters));
  return 0;
}

SyscallResult sys_sched_setparam(int tid, VirtAddr parameters) {
  if (tid < 0 || parameters.is_null()) return Errno::kEINVAL;
  const RefPtr<Task> task = TRY(task_of(tid));
  TRY(set_scheduler(tid, task->scheduling_policy(), parameters));
  return 0;
}

SyscallResult sys_sched_getscheduler(int tid) {
  if (tid < 0) return Errno::kEINVAL;
  return static_cast<int>(TRY(task_of(tid))->scheduling_policy());
}

SyscallResult sys_sched_getparam(int tid, VirtAddr parameters) {
  if (tid < 0 || parameters.is_null()) return Errno::kEINVAL;
  const RefPtr<Task> task = TRY(task_of(tid));
  TRY(write_application(parameters, task->real_time_priority()));
  return 0;
}

SyscallResult sys_sched_get_priority_max(int number) {
  constexpr int kDeadline = 6;  // it has no priorities
  if (number == kDeadline) return 0;
  return policy::is_real_time(TRY(to_policy(number))) ? kHighestRealTimePriority : 0;
}

SyscallResult sys_sched_get_priority_min(int number) {
  constexpr int kDeadline = 6;
  if (number == kDeadline) return 0;
  return policy::is_real_time(TRY(to_policy(number))) ? 1 : 0;
}

SyscallResult sys_sched_rr_get_interval(int tid, VirtAddr interval) {
  if (tid < 0) return Errno::kEINVAL;
  const RefPtr<Task> task = TRY(task_of(tid));
  const bool endless = task->scheduling_policy() == policy::Policy::kFifo;
  TRY(write_application(interval, to_timespec(endless ? Duration() : policy::kTick)));
  return 0;
}

SyscallResult sys_getpriority(int which, int who) {
  // Shifted into 1..40, so that no value looks like an error.
  constexpr int kShift = 20;
  int highest = 0;
  TRY(for_priority_targets(which, who, [&](Task& task) { highest = std::max(highest, kShift - task.nice()); }));
  return highest;
}

SyscallResult sys_setpriority(int which, int who, int nice) {
  TRY(for_priority_targets(which, who, [&](Task& task) { task.set_nice(nice); }));
  return 0;
}

SyscallResult sys_getcpu(VirtAddr cpu, VirtAddr node, VirtAddr) {
  const std::uint32_t here = arch::current_cpu().index();
  if (!cpu.is_null()) TRY(write_application(cpu, here));
  if (!node.is_null()) TRY(write_application(node, std::uint32_t{0}));
  return 0;
}

}  // namespace mokapot
