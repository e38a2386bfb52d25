// SPDX-License-Identifier: Apache-2.0
//
// fcntl(2) and flock(2): descriptor and status flags, advisory locks, pipe sizes and seals.
#include "io/pipe.h"
#include "io/record_lock.h"
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"
#include "process/task.h"

namespace mokapot {
namespace {

enum : int {
  kDuplicate = 0, kGetDescriptorFlags = 1, kSetDescriptorFlags = 2, kGetFlags = 3, kSetFlags = 4,
  kGetLock = 5, kSetLock = 6, kSetLockWait = 7, kGetOwner = 9, kGetSignal = 11,
  kGetFileLock = 36, kSetFileLock = 37, kSetFileLockWait = 38,
  kGetLease = 1025, kDuplicateCloseOnExec = 1030, kSetPipeSize = 1031, kGetPipeSize = 1032,
  kAddSeals = 1033, kGetSeals = 1034,
};
constexpr std::uint64_t kDescriptorCloseOnExec = 1;  // FD_CLOEXEC
constexpr std::int64_t kUnlocked = 2;                // F_UNLCK

// struct flock.
struct LockArgument {
  std::int16_t type, whence;
  std::int64_t start, length;
  std::int32_t process, padding;
};
static_assert(sizeof(LockArgument) == 32);
constexpr std::int16_t kLockRead = 0, kLockWrite = 1, kLockUnlock = 2;

Result<LockRequest> lock_request(File& file, const LockArgument& argument, const File* owner) {
  LockRequest request;
  request.owner = owner;
  switch (argument.type) {
    case kLockRead: request.type = LockType::kShared; break;
    case kLockWrite: request.type = LockType::kExclusive; break;
    case kLockUnlock: request.type = LockType::kUnlock; break;
    default: return Errno::kEINVAL;
  }
  std::int64_t base = 0;
  switch (static_cast<Whence>(argument.whence)) {
    case Whence::kSet: break;
    case Whence::kCurrent: base = static_cast<std::int64_t>(TRY(file.seek(0, Whence::kCurrent))); break;
    case Whence::kEnd: base = static_cast<std::int64_t>(TRY(file.status()).size); break;
    default: return Errno::kEINVAL;
  }
  std::int64_t first = 0, last = INT64_MAX;
  if (__builtin_add_overflow(base, argument.start, &first)) return Errno::kEOVERFLOW;
  if (first < 0) return Errno::kEINVAL;
  if (argument.length > 0) {
    if (__builtin_add_overflow(first, argument.length - 1, &last)) return Errno::kEOVERFLOW;
  } else if (argument.length < 0) {
    last = first - 1;
    first += argument.length;
    if (first < 0) return Errno::kEINVAL;
  }
  request.first = static_cast<std::uint64_t>(first);
  request.last = static_cast<std::uint64_t>(last);
  return request;
}

SyscallResult get_lock(File& file, VirtAddr address, const File* owner) {
  LockArgument argument = TRY(read_application<LockArgument>(address));
  if (owner == nullptr && argument.type != kLockRead && argument.type != kLockWrite) return Errno::kEINVAL;
  if (owner != nullptr && argument.process != 0) return Errno::kEINVAL;
  const LockRequest request = TRY(lock_request(file, argument, owner));
  if (const std::optional<LockRequest> conflict = find_lock_conflict(file, request)) {
    argument.type = conflict->type == LockType::kExclusive ? kLockWrite : kLockRead;
    argument.whence = static_cast<std::int16_t>(Whence::kSet);
    argument.start = static_cast<std::int64_t>(conflict->first);
    argument.length = conflict->last == INT64_MAX ? 0 : static_cast<std::int64_t>(conflict->last - conflict->first + 1);
    argument.process = conflict->owner == nullptr ? kProcessId : -1;
  } else {
    argument.type = kLockUnlock;
  }
  TRY(write_application(address, argument));
  return 0;
}

SyscallResult change_lock(File& file, VirtAddr address, const File* owner, LockWait wait) {
  const LockArgument argument = TRY(read_application<LockArgument>(address));
  if (owner != nullptr && argument.process != 0) return Errno::kEINVAL;
  const LockRequest request = TRY(lock_request(file, argument, owner));
  if (request.type == LockType::kShared && !file.readable()) return Errno::kEBADF;
  if (request.type == LockType::kExclusive && !file.writable()) return Errno::kEBADF;
  TRY(set_lock(file, request, wait));
  return 0;
}

SyscallResult change_flags(File& file, std::uint64_t flags) {
  file.set_status_flags(static_cast<std::uint32_t>(flags));
  return 0;
}

}  // namespace

SyscallResult sys_fcntl(Descriptor descriptor, int command, std::size_t argument) {
  RefPtr<File> file = TRY(descriptor_file_or_path(descriptor));
  // What works on an O_PATH descriptor too.
  switch (command) {
    case kDuplicate:
    case kDuplicateCloseOnExec:
      return TRY(duplicate_descriptor(descriptor, static_cast<std::int32_t>(argument),
                                      command == kDuplicate ? CloseOnExec::kNo : CloseOnExec::kYes));
    case kGetDescriptorFlags:
      return TRY(descriptor_close_on_exec(descriptor)) == CloseOnExec::kYes ? 1 : 0;
    case kSetDescriptorFlags:
      TRY(set_descriptor_close_on_exec(descriptor, (argument & kDescriptorCloseOnExec) != 0 ? CloseOnExec::kYes
                                                                                            : CloseOnExec::kNo));
      return 0;
    case kGetFlags: return file->flags();
    default: break;
  }
  if ((file->flags() & kOpenPath) != 0) return Errno::kEBADF;
  const VirtAddr address(argument);
  switch (command) {
    case kSetFlags: return change_flags(*file, argument);
    case kGetLock: return get_lock(*file, address, nullptr);
    case kSetLock: return change_lock(*file, address, nullptr, LockWait::kNo);
    case kSetLockWait: return change_lock(*file, address, nullptr, LockWait::kYes);
    case kGetFileLock: return get_lock(*file, address, file.get());
    case kSetFileLock: return change_lock(*file, address, file.get(), LockWait::kNo);
    case kSetFileLockWait: return change_lock(*file, address, file.get(), LockWait::kYes);
    // Nobody asked for signals on readiness, and nobody has leases.
    case kGetOwner:
    case kGetSignal: return 0;
    case kGetLease: return kUnlocked;
    case kSetPipeSize:
    case kGetPipeSize: {
      if (file->kind() != FileKind::kPipe) return Errno::kEBADF;
      Pipe& pipe = static_cast<PipeFile&>(*file).pipe();
      if (command == kGetPipeSize) return static_cast<std::int64_t>(pipe.capacity());
      if (argument > INT32_MAX) return Errno::kEINVAL;
      if (argument > kPipeMaximumSize) return Errno::kEPERM;
      return static_cast<std::int64_t>(TRY(pipe.set_capacity(argument)));
    }
    case kAddSeals:
      TRY(vfs_add_seals(*file, static_cast<std::uint32_t>(argument)));
      return 0;
    case kGetSeals: return TRY(vfs_seals(*file));
    default: return Errno::kEINVAL;
  }
}

SyscallResult sys_flock(Descriptor descriptor, int operation) {
  constexpr int kShared = 1, kExclusive = 2, kNonBlocking = 4, kUnlock = 8;
  LockRequest request;
  request.space = LockSpace::kWholeFile;
  switch (operation & ~kNonBlocking) {
    case kShared: request.type = LockType::kShared; break;
    case kExclusive: request.type = LockType::kExclusive; break;
    case kUnlock: request.type = LockType::kUnlock; break;
    default: return Errno::kEINVAL;
  }
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  request.owner = file.get();
  TRY(set_lock(*file, request, (operation & kNonBlocking) != 0 ? LockWait::kNo : LockWait::kYes));
  return 0;
}

}  // namespace mokapot
