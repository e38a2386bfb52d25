// SPDX-License-Identifier: Apache-2.0
//
// Changing what files are: modes, owners, times.
#include "linux/file_arguments.h"
#include "linux/time_types.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

constexpr std::int64_t kNanosecondsNow = 0x3fffffff, kNanosecondsOmit = 0x3ffffffe;  // UTIME_NOW, UTIME_OMIT

// Pipes and sockets have attributes on Linux too, in their own small file systems. Here they have none that
// can change: the call is accepted where it would be, and nothing reads back different.
Result<RefPtr<Dentry>> dentry_of(std::int32_t descriptor) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  return RefPtr<Dentry>(file->dentry());
}

LastLink last_link(std::uint64_t flags) {
  return (flags & kAtNoFollow) != 0 ? LastLink::kNoFollow : LastLink::kFollow;
}

PathArgument::Empty empty_path(std::uint64_t flags) {
  return (flags & kAtEmptyPath) != 0 ? PathArgument::Empty::kAllowed : PathArgument::Empty::kRefused;
}

SyscallResult change_mode_at(std::int32_t base, Path path, unsigned mode, std::uint64_t flags) {
  if ((flags & ~(kAtNoFollow | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  RefPtr<Dentry> dentry = TRY(locate_dentry(base, path, last_link(flags), empty_path(flags)));
  if (dentry->vnode().is_link()) return Errno::kEOPNOTSUPP;
  TRY(vfs_change_mode(*dentry, mode));
  return 0;
}

SyscallResult change_owner_at(std::int32_t base, Path path, unsigned user, unsigned group, std::uint64_t flags) {
  if ((flags & ~(kAtNoFollow | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  RefPtr<Dentry> dentry = TRY(locate_dentry(base, path, last_link(flags), empty_path(flags)));
  TRY(vfs_change_owner(*dentry, user, group));
  return 0;
}

Result<TimeUpdate> time_update(const ApplicationTimespec& time) {
  using Kind = TimeUpdate::Kind;
  if (time.nanoseconds == kNanosecondsNow) return TimeUpdate{Kind::kNow, {}};
  if (time.nanoseconds == kNanosecondsOmit) return TimeUpdate{Kind::kOmit, {}};
  if (time.nanoseconds < 0 || time.nanoseconds > 999'999'999) return Errno::kEINVAL;
  return TimeUpdate{Kind::kSet, {time.seconds, static_cast<std::uint32_t>(time.nanoseconds)}};
}

struct TimePair {
  TimeUpdate accessed{TimeUpdate::Kind::kNow, {}}, modified{TimeUpdate::Kind::kNow, {}};
};

SyscallResult change_times_at(std::int32_t base, Path path, const TimePair& times, std::uint64_t flags) {
  if ((flags & ~(kAtNoFollow | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  if (times.accessed.kind == TimeUpdate::Kind::kOmit && times.modified.kind == TimeUpdate::Kind::kOmit) return 0;
  RefPtr<Dentry> dentry;
  if (path.address.is_null() && base != kAtWorkingDirectory) {
    if (flags != 0) return Errno::kEINVAL;
    dentry = TRY(dentry_of(base));
  } else {
    dentry = TRY(locate_dentry(base, path, last_link(flags), empty_path(flags)));
  }
  if (dentry) TRY(vfs_change_times(*dentry, times.accessed, times.modified));
  return 0;
}

// struct timeval[2], as utimes and futimesat have it.
Result<TimePair> read_time_values(VirtAddr values) {
  TimePair times;
  if (values.is_null()) return times;
  struct Pair {
    ApplicationTimeval value[2];
  };
  const Pair pair = TRY(read_application<Pair>(values));
  for (const ApplicationTimeval& value : pair.value) {
    if (value.microseconds < 0 || value.microseconds >= 1'000'000) return Errno::kEINVAL;
  }
  times.accessed = TRY(time_update({pair.value[0].seconds, pair.value[0].microseconds * 1000}));
  times.modified = TRY(time_update({pair.value[1].seconds, pair.value[1].microseconds * 1000}));
  return times;
}

}  // namespace

SyscallResult sys_chmod(Path path, unsigned mode) { return change_mode_at(kAtWorkingDirectory, path, mode, 0); }

SyscallResult sys_fchmodat(Descriptor base, Path path, unsigned mode) {
  return change_mode_at(base, path, mode, 0);
}

SyscallResult sys_fchmodat2(Descriptor base, Path path, unsigned mode, Flags flags) {
  return change_mode_at(base, path, mode, flags);
}

SyscallResult sys_fchmod(Descriptor descriptor, unsigned mode) {
  RefPtr<Dentry> dentry = TRY(dentry_of(descriptor));
  if (dentry) TRY(vfs_change_mode(*dentry, mode));
  return 0;
}

SyscallResult sys_chown(Path path, unsigned user, unsigned group) {
  return change_owner_at(kAtWorkingDirectory, path, user, group, 0);
}

SyscallResult sys_lchown(Path path, unsigned user, unsigned group) {
  return change_owner_at(kAtWorkingDirectory, path, user, group, kAtNoFollow);
}

SyscallResult sys_fchownat(Descriptor base, Path path, unsigned user, unsigned group, Flags flags) {
  return change_owner_at(base, path, user, group, flags);
}

SyscallResult sys_fchown(Descriptor descriptor, unsigned user, unsigned group) {
  RefPtr<Dentry> dentry = TRY(dentry_of(descriptor));
  if (dentry) TRY(vfs_change_owner(*dentry, user, group));
  return 0;
}

SyscallResult sys_utimensat(Descriptor base, Path path, VirtAddr times, Flags flags) {
  TimePair pair;
  if (!times.is_null()) {
    struct Times {
      ApplicationTimespec time[2];
    };
    const Times given = TRY(read_application<Times>(times));
    pair.accessed = TRY(time_update(given.time[0]));
    pair.modified = TRY(time_update(given.time[1]));
  }
  return change_times_at(base, path, pair, flags);
}

SyscallResult sys_utime(Path path, VirtAddr times) {
  TimePair pair;
  if (!times.is_null()) {
    struct Seconds {
      std::int64_t accessed, modified;
    };
    const Seconds given = TRY(read_application<Seconds>(times));
    pair.accessed = TRY(time_update({given.accessed, 0}));
    pair.modified = TRY(time_update({given.modified, 0}));
  }
  return change_times_at(kAtWorkingDirectory, path, pair, 0);
}

SyscallResult sys_utimes(Path path, VirtAddr times) {
  return change_times_at(kAtWorkingDirectory, path, TRY(read_time_values(times)), 0);
}

SyscallResult sys_futimesat(Descriptor base, Path path, VirtAddr times) {
  return change_times_at(base, path, TRY(read_time_values(times)), 0);
}

}  // namespace mokapot
