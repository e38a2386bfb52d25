// SPDX-License-Identifier: Apache-2.0
//
// Interval timers (setitimer, getitimer, alarm) and POSIX timers (timer_create and so on).
//
// Lock: timers_mutex (rank kProcess) serialises everything here. The timers' interrupts do not take it.

#include <memory>

#include "base/global.h"
#include "base/intrusive.h"
#include "linux/syscall_types.h"
#include "linux/time_types.h"
#include "linux/timers.h"
#include "process/interval_timer.h"
#include "sched/mutex.h"

namespace mokapot {
namespace {

constexpr int kAbsoluteTime = 1;  // TIMER_ABSTIME
constexpr std::uint32_t kMostTimers = 65'536;

// struct sigevent; the rest of its 64 bytes is the union's.
struct SignalEvent {
  std::uint64_t value;
  std::int32_t signal;
  std::int32_t notify;
  std::int32_t task;
  std::int32_t padding[11];
};
static_assert(sizeof(SignalEvent) == 64);
// glibc makes SIGEV_THREAD out of SIGEV_THREAD_ID; for the kernel it is a plain signal.
enum Notify : std::int32_t { kSignal = 0, kNone = 1, kThread = 2, kThreadId = 4 };

struct PosixTimer {
  PosixTimer(int id_, ClockId clock, IntervalTimer::Notification notification)
      : id(id_), timer(std::move(clock), std::move(notification)) {}
  const int id;
  IntervalTimer timer;
  TreeHook hook;  // Timers::posix
};
struct ById {
  bool operator()(const PosixTimer& a, const PosixTimer& b) const { return a.id < b.id; }
  bool operator()(int a, const PosixTimer& b) const { return a < b.id; }
  bool operator()(const PosixTimer& a, int b) const { return a.id < b; }
};

IntervalTimer::Notification plain_signal(int signal) {
  IntervalTimer::Notification notification;
  notification.info.signal = signal;
  notification.info.code = kCodeKernel;
  return notification;
}

constexpr int kSigVirtualAlarm = 26, kSigProfile = 27;
constexpr int kIntervalTimers = 3;  // ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF

struct Timers {
  Mutex mutex{LockRank::kProcess};
  IntrusiveTree<PosixTimer, &PosixTimer::hook, ById> posix GUARDED_BY(mutex);
  std::uint32_t count GUARDED_BY(mutex) = 0;
  int next_id GUARDED_BY(mutex) = 0;
  // All CPU time is user time (see sys_time.cc), so virtual and profiling time are one.
  IntervalTimer interval[kIntervalTimers] = {
      {ClockId{ClockKind::kMonotonic, true, 1, nullptr}, plain_signal(kSigAlrm)},
      {ClockId{ClockKind::kProcessCpu, true, 1, nullptr}, plain_signal(kSigVirtualAlarm)},
      {ClockId{ClockKind::kProcessCpu, true, 1, nullptr}, plain_signal(kSigProfile)}};
};
Global<Timers> timers;

ApplicationIntervalVal to_application(const IntervalTimer::Setting& setting) {
  return {to_timeval(setting.interval), to_timeval(setting.value)};
}

Result<PosixTimer*> find_locked(int id) REQUIRES(timers->mutex) {
  const auto found = timers->posix.find(id, ById{});
  if (found == timers->posix.end()) return Errno::kEINVAL;
  return &*found;
}

Result<IntervalTimer::Notification> to_notification(const SignalEvent& event) {
  IntervalTimer::Notification notification;
  notification.info.signal = event.signal;
  notification.info.code = kCodeTimer;
  notification.info.timer.value = event.value;
  using To = IntervalTimer::Notification::To;
  switch (event.notify) {
    case kNone: notification.to = To::kNobody; return notification;
    case kSignal:
    case kThread: notification.to = To::kProcess; break;
    case kSignal | kThreadId:
      notification.to = To::kTask;
      notification.task = find_task(event.task);
      if (!notification.task) return Errno::kEINVAL;
      break;
    default: return Errno::kEINVAL;
  }
  if (event.signal < 1 || event.signal > kSignalCount) return Errno::kEINVAL;
  return notification;
}

}  // namespace

void initialise_application_timers() { timers.construct(); }

SyscallResult sys_setitimer(int which, VirtAddr value, VirtAddr old_value) {
  IntervalTimer::Setting setting;
  // Linux takes a missing value as zero, with a complaint in its log.
  if (!value.is_null()) {
    const auto given = TRY(read_application<ApplicationIntervalVal>(value));
    setting = {TRY(to_duration(given.value)), TRY(to_duration(given.interval))};
  }
  if (which < 0 || which >= kIntervalTimers) return Errno::kEINVAL;
  IntervalTimer::Setting former;
  {
    MutexGuard guard(timers->mutex);
    former = timers->interval[which].set(setting, IntervalTimer::Origin::kRelative);
  }
  if (!old_value.is_null()) TRY(write_application(old_value, to_application(former)));
  return 0;
}

SyscallResult sys_getitimer(int which, VirtAddr value) {
  if (which < 0 || which >= kIntervalTimers) return Errno::kEINVAL;
  TRY(write_application(value, to_application(timers->interval[which].setting())));
  return 0;
}

SyscallResult sys_alarm(unsigned seconds) {
  MutexGuard guard(timers->mutex);
  const auto former = timers->interval[0].set({Duration::seconds(seconds), Duration()},
                                              IntervalTimer::Origin::kRelative);
  // Rounded, but never to zero while one was armed.
  const ApplicationTimeval left = to_timeval(former.value);
  const bool up = left.microseconds >= 500'000 || (left.seconds == 0 && former.value > Duration());
  return left.seconds + (up ? 1 : 0);
}

SyscallResult sys_timer_create(int clock_id, VirtAddr event_in, VirtAddr id_out) {
  ClockId clock = TRY(ClockId::find(clock_id, ClockUse::kOther));
  if (!clock.can_sleep && !clock.counts_cpu_time()) return Errno::kEOPNOTSUPP;
  SignalEvent event{};
  event.signal = kSigAlrm;
  if (!event_in.is_null()) event = TRY(read_application<SignalEvent>(event_in));

  int id = 0;
  {
    MutexGuard guard(timers->mutex);
    if (timers->count == kMostTimers) return Errno::kEAGAIN;
    do {
      id = timers->next_id;
      timers->next_id = id == INT32_MAX ? 0 : id + 1;
    } while (find_locked(id).ok());
    if (event_in.is_null()) event.value = static_cast<std::uint64_t>(id);
    auto notification = TRY(to_notification(event));
    notification.info.timer.timer = id;
    auto* timer = new (std::nothrow) PosixTimer(id, std::move(clock), std::move(notification));
    if (timer == nullptr) return Errno::kEAGAIN;
    timers->posix.insert(*timer);
    ++timers->count;
  }
  const auto written = write_application(id_out, id);
  if (!written.ok()) (void)sys_timer_delete(id).ok();
  TRY(written.ok() ? Result<void>() : Result<void>(written.error()));
  return 0;
}

SyscallResult sys_timer_settime(int id, int flags, VirtAddr new_value, VirtAddr old_value) {
  if (new_value.is_null()) return Errno::kEINVAL;
  const auto given = TRY(read_application<ApplicationIntervalSpec>(new_value));
  const IntervalTimer::Setting setting{TRY(to_duration(given.value)), TRY(to_duration(given.interval))};
  const bool absolute = (flags & kAbsoluteTime) != 0;
  IntervalTimer::Setting former;
  {
    MutexGuard guard(timers->mutex);
    PosixTimer* timer = TRY(find_locked(id));
    former = timer->timer.set(setting, absolute ? IntervalTimer::Origin::kAbsolute : IntervalTimer::Origin::kRelative);
  }
  if (!old_value.is_null()) {
    TRY(write_application(old_value, ApplicationIntervalSpec{to_timespec(former.interval), to_timespec(former.value)}));
  }
  return 0;
}

SyscallResult sys_timer_gettime(int id, VirtAddr value) {
  IntervalTimer::Setting setting;
  {
    MutexGuard guard(timers->mutex);
    setting = TRY(find_locked(id))->timer.setting();
  }
  TRY(write_application(value, ApplicationIntervalSpec{to_timespec(setting.interval), to_timespec(setting.value)}));
  return 0;
}

SyscallResult sys_timer_getoverrun(int id) {
  MutexGuard guard(timers->mutex);
  return TRY(find_locked(id))->timer.overrun();
}

SyscallResult sys_timer_delete(int id) {
  std::unique_ptr<PosixTimer> timer;
  {
    MutexGuard guard(timers->mutex);
    timer.reset(TRY(find_locked(id)));
    timers->posix.erase(timers->posix.iterator_to(*timer));
    --timers->count;
  }
  return 0;
}

}  // namespace mokapot
