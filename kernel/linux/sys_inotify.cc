// SPDX-License-Identifier: Apache-2.0
//
// inotify(7).
#include "fs/inotify.h"
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

SyscallResult make_inotify(std::uint64_t flags) {
  if ((flags & ~std::uint64_t{kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(make_ref<InotifyFile>(kOpenReadOnly | static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  return TRY(install_descriptor(std::move(file),
                                (flags & kOpenCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo));
}

struct InotifyDescriptor {
  RefPtr<File> file;
  InotifyFile& inotify() const { return static_cast<InotifyFile&>(*file); }
};
Result<InotifyDescriptor> inotify_of(RefPtr<File> file) {
  if (file->kind() != FileKind::kInotify) return Errno::kEINVAL;
  return InotifyDescriptor{std::move(file)};
}

}  // namespace

SyscallResult sys_inotify_init() { return make_inotify(0); }
SyscallResult sys_inotify_init1(Flags flags) { return make_inotify(flags); }

SyscallResult sys_inotify_add_watch(Descriptor descriptor, Path path, unsigned mask) {
  constexpr unsigned kFlags = kInOnlyDirectory | kInDoNotFollow | kInExcludeUnlinked | kInMaskCreate | kInMaskAdd |
                              kInIsDirectory | kInOneShot;
  constexpr unsigned kSaid = kInUnmount | kInOverflow | kInIgnored;
  if ((mask & (kInAllEvents | kFlags | kSaid)) == 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if ((mask & kInMaskAdd) != 0 && (mask & kInMaskCreate) != 0) return Errno::kEINVAL;
  const InotifyDescriptor holder = TRY(inotify_of(std::move(file)));
  const auto last = (mask & kInDoNotFollow) != 0 ? LastLink::kNoFollow : LastLink::kFollow;
  const RefPtr<Dentry> dentry = TRY(locate_dentry(kAtWorkingDirectory, path, last));
  if ((mask & kInOnlyDirectory) != 0 && !dentry->vnode().is_directory()) return Errno::kENOTDIR;
  return TRY(holder.inotify().watch(*dentry, mask));
}

SyscallResult sys_inotify_rm_watch(Descriptor descriptor, int watch) {
  const InotifyDescriptor holder = TRY(inotify_of(TRY(descriptor_file(descriptor))));
  TRY(holder.inotify().unwatch(watch));
  return 0;
}

}  // namespace mokapot
