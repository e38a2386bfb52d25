// SPDX-License-Identifier: Apache-2.0
#include "process/process.h"

#include <atomic>

#include "base/global.h"
#include "process/descriptor_table.h"
#include "process/futex.h"
#include "process/task.h"
#include "sched/wait_queue.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constinit std::atomic<bool> end_decided{false};    // somebody is writing `end`
constinit std::atomic<bool> end_published{false};  // `end` may be read
constinit ProcessEnd end{};
Global<WaitQueue> end_queue;

constexpr std::uint64_t kInfinity = ~std::uint64_t{0};
Global<SpinLock> limits_lock;
constinit ResourceLimit limits[kResourceLimitCount] = {};

}  // namespace

void end_process(const ProcessEnd& how) {
  if (end_decided.exchange(true, std::memory_order_acq_rel)) return;
  end = how;
  end_published.store(true, std::memory_order_release);
  // Kick every task out of its wait or out of application code; they park in deliver_signals.
  for_each_task([](Task& task, void*) { task.interrupt(); }, nullptr);
  end_queue->wake_all();
}

bool process_ended() { return end_published.load(std::memory_order_acquire); }

void park_calling_task() {
  // Nobody wakes this queue: the VM goes away under the task.
  WaitQueue nobody;
  while (true) wait_until(nobody, Instant::never(), Interruptible::kNo, [] { return false; });
}

ProcessEnd wait_for_process_end() {
  wait_until(*end_queue, Instant::never(), Interruptible::kNo, [] { return process_ended(); });
  return end;
}

void initialise_resource_limits() {
  end_queue.construct();
  limits_lock.construct(LockRank::kTask);
  for (ResourceLimit& limit : limits) limit = {kInfinity, kInfinity};
  limits[kLimitStack] = {8 << 20, kInfinity};
  limits[4] = {0, kInfinity};                       // RLIMIT_CORE: there is nowhere to dump to
  limits[6] = {127 * 1024, 127 * 1024};             // RLIMIT_NPROC
  limits[kLimitDescriptors] = {1024 * 1024, 1024 * 1024};
  limits[8] = {8 << 20, 8 << 20};                   // RLIMIT_MEMLOCK
  limits[11] = {127 * 1024, 127 * 1024};            // RLIMIT_SIGPENDING
  limits[12] = {800 * 1024, 800 * 1024};            // RLIMIT_MSGQUEUE
  limits[13] = {0, 0};                              // RLIMIT_NICE
  limits[14] = {0, 0};                              // RLIMIT_RTPRIO
  set_descriptor_limit(limits[kLimitDescriptors].soft);
}

Result<ResourceLimit> resource_limit(unsigned resource) {
  if (resource >= kResourceLimitCount) return Errno::kEINVAL;
  SpinGuard guard(*limits_lock);
  return limits[resource];
}

Result<void> set_resource_limit(unsigned resource, ResourceLimit limit) {
  if (resource >= kResourceLimitCount || limit.soft > limit.hard) return Errno::kEINVAL;
  if (resource == kLimitDescriptors && limit.hard > kMaxDescriptors) return Errno::kEPERM;
  {
    SpinGuard guard(*limits_lock);
    limits[resource] = limit;
  }
  if (resource == kLimitDescriptors) set_descriptor_limit(limit.soft);
  return {};
}

void exit_current_task(int status) {
  Task& task = current_task();
  exit_robust_list(task);
  if (!task.clear_child_tid.is_null()) {
    // A bad address is the application's loss: Linux ignores it as well.
    (void)write_application<std::uint32_t>(task.clear_child_tid, 0).ok();
    futex_wake_address(task.clear_child_tid, 1, FutexSharing::kShared);
  }
  if (leave_task_table(task) == 0) {
    ProcessEnd how;
    how.status = (status >> 8) & 0xff;
    end_process(how);
  }
  exit_current_thread();
}

}  // namespace mokapot
