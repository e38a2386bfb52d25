// SPDX-License-Identifier: Apache-2.0
#include "linux/file_arguments.h"

#include "process/descriptor_table.h"
#include "process/signals.h"
#include "process/task.h"
#include "time/clock.h"

namespace mokapot {

Result<void> PathArgument::read(Path path, Empty empty) {
  if (path.address.is_null() && empty == Empty::kAllowed) return {};
  Result<std::size_t> size =
      copy_string_from_application(small_, path.address, sizeof(small_));
  if (!size.ok() && size.error() == Errno::kENAMETOOLONG) {
    large_.reset(new (std::nothrow) char[kPathMax]);
    if (!large_) return Errno::kENOMEM;
    size = copy_string_from_application(large_.get(), path.address, kPathMax);
  }
  size_ = TRY(std::move(size));
  if (size_ == 0 && empty == Empty::kRefused) return Errno::kENOENT;
  return {};
}

Result<PathBase> path_base(std::int32_t descriptor, std::string_view path) {
  PathBase base;
  if (descriptor == kAtWorkingDirectory || path.starts_with('/')) return base;
  base.holder = TRY(descriptor_file_or_path(descriptor));
  base.dentry = base.holder->dentry();
  if (base.dentry == nullptr) return Errno::kENOTDIR;
  return base;
}

Result<Located> locate(std::int32_t descriptor, Path path, LastLink last, PathArgument::Empty empty) {
  PathArgument argument;
  TRY(argument.read(path, empty));
  Located located;
  if (argument.empty()) {
    if (descriptor == kAtWorkingDirectory) {
      located.dentry = current_directory();
      return located;
    }
    located.file = TRY(descriptor_file_or_path(descriptor));
    located.dentry = RefPtr<Dentry>(located.file->dentry());
    return located;
  }
  const PathBase base = TRY(path_base(descriptor, argument.view()));
  located.dentry = TRY(vfs_resolve(base.dentry, argument.view(), last));
  return located;
}

Result<RefPtr<Dentry>> locate_dentry(std::int32_t descriptor, Path path, LastLink last,
                                     PathArgument::Empty empty) {
  Located located = TRY(locate(descriptor, path, last, empty));
  if (!located.dentry) return Errno::kEINVAL;
  return std::move(located.dentry);
}

Result<void> VectorArgument::read(VirtAddr vector, std::size_t count) {
  // An iovec, an address and a size of 64 bits, is laid out as a segment is: it is copied as it is and
  // checked in place.
  static_assert(sizeof(IoSegment) == 16 && offsetof(IoSegment, size) == 8);
  if (count > kMostSegments) return Errno::kEINVAL;
  if (count > kSmall) {
    large_.reset(new (std::nothrow) IoSegment[count]);
    if (!large_) return Errno::kENOMEM;
  }
  IoSegment* segments = large_ ? large_.get() : small_;
  TRY(copy_from_application(segments, vector, count * sizeof(IoSegment)));
  for (std::size_t i = 0; i < count; ++i) {
    IoSegment& segment = segments[i];
    if (static_cast<std::int64_t>(segment.size) < 0) return Errno::kEINVAL;
    if (!is_application_range(VirtAddr(segment.base), segment.size)) return Errno::kEFAULT;
    const std::size_t room = kMostTransfer - size_;
    if (segment.size > room) segment.size = room;
    size_ += segment.size;
  }
  count_ = count;
  return {};
}

Result<IoBuffer> transfer_buffer(VirtAddr address, std::size_t size) {
  if (!is_application_range(address, size)) return Errno::kEFAULT;
  return IoBuffer::from_application(address, size < kMostTransfer ? size : kMostTransfer);
}

Instant deadline_after_milliseconds(std::int32_t milliseconds) {
  return milliseconds < 0 ? Instant::never() : now() + Duration::milliseconds(milliseconds);
}

void raise_broken_pipe() {
  SignalInfo info;
  info.signal = kSigPipe;
  info.code = kCodeUser;
  info.sender.pid = kProcessId;
  // It cannot be queued twice, and one that is pending already is as good.
  [[maybe_unused]] const auto sent = send_signal_to_task(current_task(), info);
}

}  // namespace mokapot
