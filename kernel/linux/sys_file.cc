// SPDX-License-Identifier: Apache-2.0
//
// Opening, closing and duplicating descriptors, ioctl, and what changes or secures a file's data.
#include "io/terminal_requests.h"
#include "linux/file_arguments.h"
#include "net/inet_socket.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

CloseOnExec close_on_exec_of(std::uint64_t flags) {
  return (flags & kOpenCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
}

SyscallResult open_at(std::int32_t base_descriptor, Path path, std::uint64_t open_flags, std::uint32_t mode) {
  std::uint32_t flags = static_cast<std::uint32_t>(open_flags);
  // As on every 64-bit kernel; F_GETFL shows it.
  if ((flags & kOpenPath) == 0) flags |= kOpenLargeFile;
  PathArgument argument;
  TRY(argument.read(path));
  // Before anything is created: a full table must leave no file behind.
  DescriptorReservation reservation = TRY(DescriptorReservation::create());
  const PathBase base = TRY(path_base(base_descriptor, argument.view()));
  RefPtr<File> file = TRY(vfs_open(base.dentry, argument.view(), flags, mode));
  return reservation.install(std::move(file), close_on_exec_of(flags));
}

// FIONREAD of a regular file: what lies between the position and the end.
Result<std::int32_t> bytes_left(File& file) {
  const FileStatus status = TRY(file.status());
  if ((status.mode & kModeType) != kModeRegular) return Errno::kENOTTY;
  const std::uint64_t position = TRY(file.seek(0, Whence::kCurrent));
  return static_cast<std::int32_t>(status.size - position);
}

}  // namespace

SyscallResult sys_open(Path path, Flags flags, unsigned mode) {
  return open_at(kAtWorkingDirectory, path, flags, mode);
}

SyscallResult sys_openat(Descriptor base, Path path, Flags flags, unsigned mode) {
  return open_at(base, path, flags, mode);
}

SyscallResult sys_creat(Path path, unsigned mode) {
  return open_at(kAtWorkingDirectory, path, kOpenCreate | kOpenWriteOnly | kOpenTruncate, mode);
}

SyscallResult sys_close(Descriptor descriptor) {
  TRY(close_descriptor(descriptor));
  return 0;
}

SyscallResult sys_close_range(unsigned first, unsigned last, Flags flags) {
  constexpr std::uint64_t kUnshare = 2, kCloseOnExec = 4;  // one process: nothing to unshare
  if ((flags & ~(kUnshare | kCloseOnExec)) != 0 || first > last) return Errno::kEINVAL;
  if ((flags & kCloseOnExec) != 0) {
    set_close_on_exec_range(first, last);
  } else {
    close_descriptor_range(first, last);
  }
  return 0;
}

SyscallResult sys_dup(Descriptor descriptor) {
  RefPtr<File> file = TRY(descriptor_file_or_path(descriptor));
  return TRY(install_descriptor(std::move(file), CloseOnExec::kNo));
}

SyscallResult sys_dup2(Descriptor from, Descriptor to) {
  if (from.number == to.number) {
    TRY(descriptor_file_or_path(from));
    return to.number;
  }
  return TRY(replace_descriptor(from, to, CloseOnExec::kNo));
}

SyscallResult sys_dup3(Descriptor from, Descriptor to, Flags flags) {
  if ((flags & ~std::uint64_t{kOpenCloseOnExec}) != 0 || from.number == to.number) return Errno::kEINVAL;
  return TRY(replace_descriptor(from, to, close_on_exec_of(flags)));
}

SyscallResult sys_ioctl(Descriptor descriptor, unsigned request, std::size_t argument) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  switch (request) {
    case kFioclex:
    case kFionclex:
      TRY(set_descriptor_close_on_exec(descriptor, request == kFioclex ? CloseOnExec::kYes : CloseOnExec::kNo));
      return 0;
    case kFionbio:
    case kFioasync: {
      const std::uint32_t flag = request == kFionbio ? kOpenNonBlock : kOpenAsync;
      const bool on = TRY(read_application<std::int32_t>(VirtAddr(argument))) != 0;
      file->set_status_flags(on ? file->flags() | flag : file->flags() & ~flag);
      return 0;
    }
    default: break;
  }
  Result<std::int64_t> result = file->control(request, argument);
  if (result.ok() || result.error() != Errno::kENOTTY) return result;
  // The C library asks AF_UNIX sockets about interfaces.
  if (file->kind() == FileKind::kSocket) return interface_control(request, argument);
  if (request != kFionread) return result;
  TRY(write_application(VirtAddr(argument), TRY(bytes_left(*file))));
  return 0;
}

SyscallResult sys_truncate(Path path, Offset size) {
  if (size < 0) return Errno::kEINVAL;
  RefPtr<Dentry> dentry = TRY(locate_dentry(kAtWorkingDirectory, path, LastLink::kFollow));
  TRY(vfs_truncate(*dentry, static_cast<std::uint64_t>(size)));
  return 0;
}

SyscallResult sys_ftruncate(Descriptor descriptor, Offset size) {
  if (size < 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (!file->writable()) return Errno::kEINVAL;
  TRY(file->truncate(static_cast<std::uint64_t>(size)));
  return 0;
}

SyscallResult sys_fallocate(Descriptor descriptor, int mode, Offset offset, Offset length) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (offset < 0 || length <= 0) return Errno::kEINVAL;
  constexpr int kEveryMode = 0x7f;
  if ((mode & ~kEveryMode) != 0) return Errno::kEOPNOTSUPP;
  if (!file->writable()) return Errno::kEBADF;
  if (file->kind() == FileKind::kPipe) return Errno::kESPIPE;
  TRY(vfs_allocate(*file, static_cast<std::uint32_t>(mode), offset, length));
  return 0;
}

SyscallResult sys_fsync(Descriptor descriptor) {
  TRY(TRY(descriptor_file(descriptor))->synchronise(false));
  return 0;
}

SyscallResult sys_fdatasync(Descriptor descriptor) {
  TRY(TRY(descriptor_file(descriptor))->synchronise(true));
  return 0;
}

SyscallResult sys_sync_file_range(Descriptor descriptor, Offset offset, Offset length, Flags flags) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  constexpr std::uint64_t kEveryFlag = 7;
  if ((flags & ~kEveryFlag) != 0 || offset < 0 || length < 0 || offset + length < offset) return Errno::kEINVAL;
  Result<void> synchronised = file->synchronise(true);
  if (!synchronised.ok()) return synchronised.error() == Errno::kEINVAL ? Errno::kESPIPE : synchronised.error();
  return 0;
}

// No mounted file system has data that a power cut would keep: the root is read-only, the rest is memory.
SyscallResult sys_sync() { return 0; }

SyscallResult sys_syncfs(Descriptor descriptor) {
  TRY(descriptor_file(descriptor));
  return 0;
}

// Advice: the page cache reads ahead by itself, so it is checked and otherwise left alone.
SyscallResult sys_fadvise64(Descriptor descriptor, Offset, Offset length, int advice) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (file->kind() == FileKind::kPipe) return Errno::kESPIPE;
  constexpr int kLastAdvice = 5;  // POSIX_FADV_NOREUSE
  if (length < 0 || advice < 0 || advice > kLastAdvice) return Errno::kEINVAL;
  return 0;
}

SyscallResult sys_readahead(Descriptor descriptor, Offset, std::size_t) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (!file->readable()) return Errno::kEBADF;
  if ((TRY(file->status()).mode & kModeType) != kModeRegular) return Errno::kEINVAL;
  return 0;
}

SyscallResult sys_memfd_create(Path name, unsigned flags) {
  constexpr std::uint32_t kKnown = kMemfdCloseOnExec | kMemfdAllowSealing | kMemfdHugeTlb | kMemfdNoExecSeal |
                                   kMemfdExec;
  const std::uint32_t known = (flags & kMemfdHugeTlb) != 0 ? kKnown | kHugePageSizeMask : kKnown;
  if ((flags & ~known) != 0) return Errno::kEINVAL;
  if ((flags & kMemfdHugeTlb) != 0) {
    if (!is_huge_page_size(flags)) return Errno::kENODEV;
    flags &= ~kHugePageSizeMask;
  }
  if ((flags & kMemfdNoExecSeal) != 0 && (flags & kMemfdExec) != 0) return Errno::kEINVAL;
  constexpr std::size_t kNameSize = 250;  // with NUL; "memfd:" goes before it
  char text[kNameSize];
  Result<std::size_t> size = copy_string_from_application(text, name.address, kNameSize);
  if (!size.ok()) return size.error() == Errno::kENAMETOOLONG ? Errno::kEINVAL : size.error();
  RefPtr<File> file = TRY(vfs_create_memfd(std::string_view(text, size.value()), flags));
  return TRY(install_descriptor(std::move(file),
                                (flags & kMemfdCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo));
}

}  // namespace mokapot
