// SPDX-License-Identifier: Apache-2.0
//
// Clocks, sleeping and CPU time. Most reads of the wall and the monotonic clock never come here: the vDSO
// serves them. User and system time are told apart by samples (sched/time_split.h).

#include <limits>
#include <optional>

#include "exec/program.h"
#include "linux/syscall_types.h"
#include "linux/time_types.h"
#include "process/clock_id.h"
#include "process/interruption.h"
#include "process/task.h"
#include "sched/deadline.h"
#include "sched/wait_queue.h"
#include "time/host_clock.h"
#include "vm/address_space.h"

namespace mokapot {
namespace {

constexpr int kAbsoluteTime = 1;  // TIMER_ABSTIME

std::int64_t clock_nanoseconds(const ClockId& clock) {
  switch (clock.kind) {
    case ClockKind::kRealtime: return wall_clock_nanoseconds();
    case ClockKind::kMonotonic: return now().nanoseconds();
    default: return clock.cpu_time().nanoseconds();
  }
}

// Sleeps to its end; kEINTR if a signal handler is to run.
Result<void> sleep_through(const Deadline& deadline) {
  const DeadlineWatch watch(deadline);
  while (true) {
    prepare_to_block();
    switch (block(deadline.moment(), Interruptible::kYes)) {
      case WakeReason::kTimedOut:
        if (deadline.has_come()) return {};
        break;
      case WakeReason::kInterrupted:
        if (signal_ends_wait()) return Errno::kEINTR;
        break;
      case WakeReason::kWoken: break;  // nobody's condition, or its clock was set
    }
  }
}

SyscallResult sleep_relative(Duration duration, VirtAddr remaining) {
  const Instant deadline = now() + duration;
  if (sleep_through(deadline).ok()) return 0;
  if (!remaining.is_null()) {
    const Duration left = deadline - now();
    TRY(write_application(remaining, to_timespec(left > Duration() ? left : Duration())));
  }
  return Errno::kEINTR;
}

// struct rusage of getrusage(2).
struct ResourceUsage {
  ApplicationTimeval user_time, system_time;
  std::int64_t most_resident_kilobytes;
  std::int64_t shared_memory, private_memory, stack_memory;
  std::int64_t minor_faults, major_faults;
  std::int64_t swaps, blocks_in, blocks_out, messages_sent, messages_received, signals;
  std::int64_t voluntary_switches, forced_switches;
};
static_assert(sizeof(ResourceUsage) == 144);

}  // namespace

namespace {

// As Linux: thirty years of running from there on must still be a number.
constexpr std::int64_t kLatestSeconds = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - std::int64_t{30} * 365 * 24 * 3600;

Result<void> set_wall_clock(Duration time) {
  // Nor does the date come before the clock that runs since boot.
  if (time.nanoseconds() / 1'000'000'000 >= kLatestSeconds || time < now() - Instant()) return Errno::kEINVAL;
  leave_wall_clock_alone();
  set_wall_clock_base(time.nanoseconds() - now().nanoseconds());
  refresh_vdso_clock();  // programs read the clock there
  tell_wall_clock_watches();
  return {};
}

}  // namespace

SyscallResult sys_clock_gettime(int id, VirtAddr to) {
  const ClockId clock = TRY(ClockId::find(id, ClockUse::kRead));
  TRY(write_application(to, to_timespec(clock_nanoseconds(clock))));
  return 0;
}

SyscallResult sys_clock_getres(int id, VirtAddr to) {
  const ClockId clock = TRY(ClockId::find(id, ClockUse::kOther));
  if (!to.is_null()) TRY(write_application(to, ApplicationTimespec{0, clock.resolution}));
  return 0;
}

SyscallResult sys_clock_settime(int id, VirtAddr from) {
  const ClockId clock = TRY(ClockId::find(id, ClockUse::kOther));
  if (clock.kind == ClockKind::kThreadCpu || clock.kind == ClockKind::kProcessCpu) return Errno::kEPERM;
  if (id != kClockRealtime) return Errno::kEINVAL;
  const Duration time = TRY(read_timespec(from));
  TRY(set_wall_clock(time));
  return 0;
}

SyscallResult sys_clock_nanosleep(int id, Flags flags, VirtAddr request, VirtAddr remaining) {
  const ClockId clock = TRY(ClockId::find(id, ClockUse::kOther));
  if (!clock.can_sleep) return Errno::kEOPNOTSUPP;
  const Duration time = TRY(read_timespec(request));
  if ((flags & kAbsoluteTime) == 0) return sleep_relative(time, remaining);
  const Deadline deadline =
      clock.kind == ClockKind::kRealtime ? Deadline::on_wall_clock(time) : Deadline(monotonic_instant(time));
  // Restarted with the same moment unless a handler ran.
  if (!sleep_through(deadline).ok()) return Errno::kRestartNoHandler;
  return 0;
}

SyscallResult sys_nanosleep(VirtAddr request, VirtAddr remaining) {
  return sleep_relative(TRY(read_timespec(request)), remaining);
}

SyscallResult sys_gettimeofday(VirtAddr time, VirtAddr zone) {
  if (!time.is_null()) {
    const ApplicationTimespec wall = to_timespec(wall_clock_nanoseconds());
    TRY(write_application(time, ApplicationTimeval{wall.seconds, wall.nanoseconds / 1000}));
  }
  // The kernel keeps UTC: minutes west and daylight saving are zero.
  if (!zone.is_null()) TRY(clear_application(zone, 2 * sizeof(std::int32_t)));
  return 0;
}

SyscallResult sys_settimeofday(VirtAddr time, VirtAddr zone) {
  std::optional<Duration> wall;
  if (!time.is_null()) wall = TRY(to_duration(TRY(read_application<ApplicationTimeval>(time))));
  if (!zone.is_null()) (void)TRY(read_application<std::int64_t>(zone));
  if (wall) TRY(set_wall_clock(*wall));
  return 0;
}

SyscallResult sys_time(VirtAddr to) {
  const std::int64_t seconds = to_timespec(wall_clock_nanoseconds()).seconds;
  if (!to.is_null()) TRY(write_application(to, seconds));
  return seconds;
}

SyscallResult sys_times(VirtAddr to) {
  constexpr std::int64_t kTick = kNanosecondsPerSecond / 100;  // sysconf(_SC_CLK_TCK) is 100 by the ABI
  if (!to.is_null()) {
    const SplitTime used = application_usage().split;
    const std::int64_t user_system_and_children[4] = {used.user.nanoseconds() / kTick, used.system.nanoseconds() / kTick, 0, 0};
    TRY(write_application(to, user_system_and_children));
  }
  return now().nanoseconds() / kTick;
}

SyscallResult sys_getrusage(int who, VirtAddr to) {
  constexpr int kSelf = 0, kChildren = -1, kThread = 1;
  ResourceUsage usage{};
  if (who == kThread || who == kSelf) {
    const AddressSpace::Statistics memory = address_space().statistics();
    usage.most_resident_kilobytes = static_cast<std::int64_t>(memory.peak_resident / 1024);
    if (who == kThread) {
      Task& task = current_task();
      const SplitTime split = task.split_cpu_time();
      usage.user_time = to_timeval(split.user);
      usage.system_time = to_timeval(split.system);
      usage.minor_faults = static_cast<std::int64_t>(task.minor_faults.load(std::memory_order_relaxed));
      usage.major_faults = static_cast<std::int64_t>(task.major_faults.load(std::memory_order_relaxed));
      usage.voluntary_switches = static_cast<std::int64_t>(task.voluntary_switches());
      usage.forced_switches = static_cast<std::int64_t>(task.forced_switches());
    } else {
      const ApplicationUsage all = application_usage();
      usage.user_time = to_timeval(all.split.user);
      usage.system_time = to_timeval(all.split.system);
      usage.minor_faults = static_cast<std::int64_t>(memory.faults_minor);
      usage.major_faults = static_cast<std::int64_t>(memory.faults_major);
      usage.voluntary_switches = static_cast<std::int64_t>(all.voluntary_switches);
      usage.forced_switches = static_cast<std::int64_t>(all.forced_switches);
    }
  } else if (who != kChildren) {
    return Errno::kEINVAL;
  }
  TRY(write_application(to, usage));
  return 0;
}

}  // namespace mokapot
