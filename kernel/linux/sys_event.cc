// SPDX-License-Identifier: Apache-2.0
//
// eventfd(2), epoll(7), timerfd_create(2) and signalfd(2).
#include "io/epoll.h"
#include "io/event_file.h"
#include "io/timer_file.h"
#include "linux/file_arguments.h"
#include "linux/temporary_mask.h"
#include "linux/time_types.h"
#include "process/descriptor_table.h"
#include "process/signal_file.h"

namespace mokapot {
namespace {

CloseOnExec close_on_exec_of(std::uint64_t flags) {
  return (flags & kOpenCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
}

SyscallResult make_event_file(unsigned initial, std::uint64_t flags) {
  constexpr std::uint64_t kSemaphore = 1;
  if ((flags & ~std::uint64_t{kSemaphore | kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  const auto mode = (flags & kSemaphore) != 0 ? EventFile::Mode::kSemaphore : EventFile::Mode::kCounter;
  RefPtr<File> file = TRY(make_ref<EventFile>(
      std::uint64_t{initial}, mode, kOpenReadWrite | static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  return TRY(install_descriptor(std::move(file), close_on_exec_of(flags)));
}

// --- epoll ------------------------------------------------------------------------------------------

enum : int { kControlAdd = 1, kControlDelete = 2, kControlModify = 3 };
// What may stand beside EPOLLEXCLUSIVE.
constexpr std::uint32_t kExclusiveCompanions = kPollIn | kPollOut | kPollError | kPollHangUp | kEpollWakeUp |
                                               kEpollEdge | kEpollExclusive;
constexpr int kMostEvents = INT32_MAX / static_cast<int>(sizeof(EpollEvent));

SyscallResult make_epoll(std::uint64_t flags) {
  RefPtr<File> file = TRY(make_ref<EpollFile>(kOpenReadWrite));
  return TRY(install_descriptor(std::move(file), close_on_exec_of(flags)));
}

struct EpollDescriptor {
  RefPtr<File> file;
  EpollFile& epoll() const { return static_cast<EpollFile&>(*file); }
};
Result<EpollDescriptor> epoll_of(std::int32_t descriptor) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (file->kind() != FileKind::kEpoll) return Errno::kEINVAL;
  return EpollDescriptor{std::move(file)};
}

SyscallResult wait_for_events(std::int32_t descriptor, VirtAddr to, int most, Instant deadline) {
  if (most <= 0 || most > kMostEvents) return Errno::kEINVAL;
  if (!is_application_range(to, static_cast<std::size_t>(most) * sizeof(EpollEvent))) return Errno::kEFAULT;
  const EpollDescriptor epoll = TRY(epoll_of(descriptor));
  auto emit = [](const EpollEvent& event, std::size_t index, void* context) {
    return write_application(*static_cast<VirtAddr*>(context) + index * sizeof(EpollEvent), event);
  };
  return static_cast<std::int64_t>(
      TRY(epoll.epoll().wait(static_cast<std::size_t>(most), deadline, emit, &to)));
}

// --- timerfd ----------------------------------------------------------------------------------------

Result<RefPtr<File>> timer_of(std::int32_t descriptor) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (file->kind() != FileKind::kTimer) return Errno::kEINVAL;
  return file;
}

ApplicationIntervalSpec to_application(const TimerFile::Setting& setting) {
  return {to_timespec(setting.interval), to_timespec(setting.value)};
}

// --- signalfd ---------------------------------------------------------------------------------------

// A new one, or another mask for one that is there.
SyscallResult set_signal_file(std::int32_t descriptor, VirtAddr mask_address, std::size_t set_size, std::uint64_t flags) {
  if (set_size != sizeof(SignalSet)) return Errno::kEINVAL;
  const auto mask = TRY(read_application<SignalSet>(mask_address));
  if ((flags & ~std::uint64_t{kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  if (descriptor != -1) {
    RefPtr<File> file = TRY(descriptor_file(descriptor));
    if (file->kind() != FileKind::kSignal) return Errno::kEINVAL;
    static_cast<SignalFile&>(*file).set_mask(mask);
    return descriptor;
  }
  RefPtr<File> file = TRY(make_ref<SignalFile>(
      mask, kOpenReadWrite | static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  return TRY(install_descriptor(std::move(file), close_on_exec_of(flags)));
}

}  // namespace

SyscallResult sys_signalfd(Descriptor descriptor, VirtAddr mask, std::size_t set_size) {
  return set_signal_file(descriptor, mask, set_size, 0);
}

SyscallResult sys_signalfd4(Descriptor descriptor, VirtAddr mask, std::size_t set_size, Flags flags) {
  return set_signal_file(descriptor, mask, set_size, flags);
}

SyscallResult sys_eventfd(unsigned initial) { return make_event_file(initial, 0); }
SyscallResult sys_eventfd2(unsigned initial, Flags flags) { return make_event_file(initial, flags); }

SyscallResult sys_epoll_create(int size) {
  if (size <= 0) return Errno::kEINVAL;
  return make_epoll(0);
}

SyscallResult sys_epoll_create1(Flags flags) {
  if ((flags & ~std::uint64_t{kOpenCloseOnExec}) != 0) return Errno::kEINVAL;
  return make_epoll(flags);
}

SyscallResult sys_epoll_ctl(Descriptor descriptor, int operation, Descriptor target, VirtAddr event_address) {
  EpollEvent event;
  if (operation != kControlDelete) event = TRY(read_application<EpollEvent>(event_address));
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  RefPtr<File> watched = TRY(descriptor_file(target));
  if (!watched->pollable()) return Errno::kEPERM;
  if (watched == file || file->kind() != FileKind::kEpoll) return Errno::kEINVAL;
  if (operation != kControlDelete && (event.events & kEpollExclusive) != 0) {
    if (operation == kControlModify) return Errno::kEINVAL;
    if (watched->kind() == FileKind::kEpoll || (event.events & ~kExclusiveCompanions) != 0) return Errno::kEINVAL;
  }
  EpollFile& epoll = static_cast<EpollFile&>(*file);
  switch (operation) {
    case kControlAdd: TRY(epoll.add(std::move(watched), target, event)); break;
    case kControlModify: TRY(epoll.modify(std::move(watched), target, event)); break;
    case kControlDelete: TRY(epoll.remove(*watched, target)); break;
    default: return Errno::kEINVAL;
  }
  return 0;
}

SyscallResult sys_epoll_wait(Descriptor descriptor, VirtAddr to, int most, int milliseconds) {
  return wait_for_events(descriptor, to, most, deadline_after_milliseconds(milliseconds));
}

SyscallResult sys_epoll_pwait(Descriptor descriptor, VirtAddr to, int most, int milliseconds, VirtAddr mask,
                              std::size_t set_size) {
  TemporaryMask temporary;
  TRY(temporary.apply(mask, set_size));
  return temporary.finish(wait_for_events(descriptor, to, most, deadline_after_milliseconds(milliseconds)));
}

SyscallResult sys_epoll_pwait2(Descriptor descriptor, VirtAddr to, int most, VirtAddr timeout, VirtAddr mask,
                               std::size_t set_size) {
  Instant deadline = Instant::never();
  if (!timeout.is_null()) deadline = now() + TRY(read_timespec(timeout));
  TemporaryMask temporary;
  TRY(temporary.apply(mask, set_size));
  return temporary.finish(wait_for_events(descriptor, to, most, deadline));
}

SyscallResult sys_timerfd_create(int clock, Flags flags) {
  constexpr int kRealTime = 0, kMonotonic = 1, kBootTime = 7, kRealTimeAlarm = 8, kBootTimeAlarm = 9;
  if ((flags & ~std::uint64_t{kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  TimerFile::Clock source = TimerFile::Clock::kMonotonic;
  switch (clock) {
    case kRealTime:
    case kRealTimeAlarm: source = TimerFile::Clock::kRealTime; break;
    case kMonotonic:
    case kBootTime:  // the machine does not suspend
    case kBootTimeAlarm: break;
    default: return Errno::kEINVAL;
  }
  RefPtr<File> file = TRY(make_ref<TimerFile>(
      source, kOpenReadWrite | static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  return TRY(install_descriptor(std::move(file), close_on_exec_of(flags)));
}

SyscallResult sys_timerfd_settime(Descriptor descriptor, Flags flags, VirtAddr new_setting, VirtAddr old_setting) {
  constexpr std::uint64_t kAbsolute = 1, kCancelOnSet = 2;
  const auto given = TRY(read_application<ApplicationIntervalSpec>(new_setting));
  if ((flags & ~(kAbsolute | kCancelOnSet)) != 0) return Errno::kEINVAL;
  TimerFile::Setting setting;
  setting.interval = TRY(to_duration(given.interval));
  setting.value = TRY(to_duration(given.value));
  RefPtr<File> file = TRY(timer_of(descriptor));
  using Origin = TimerFile::Origin;
  const bool absolute = (flags & kAbsolute) != 0, cancelled = (flags & kCancelOnSet) != 0;
  const Origin origin = !absolute ? Origin::kRelative : cancelled ? Origin::kCancelled : Origin::kAbsolute;
  TimerFile::Setting former;
  TRY(static_cast<TimerFile&>(*file).set(setting, origin, former));
  if (!old_setting.is_null()) TRY(write_application(old_setting, to_application(former)));
  return 0;
}

SyscallResult sys_timerfd_gettime(Descriptor descriptor, VirtAddr setting) {
  RefPtr<File> file = TRY(timer_of(descriptor));
  TRY(write_application(setting, to_application(static_cast<TimerFile&>(*file).setting())));
  return 0;
}

}  // namespace mokapot
