// SPDX-License-Identifier: Apache-2.0
//
// Moving bytes through descriptors: the read and write families and lseek. read(2), readv(2), pread(2).
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"
#include "process/task.h"

namespace mokapot {
namespace {

enum class Direction : std::uint8_t { kRead, kWrite };

// preadv2's RWF_ flags that are answered; the others are EOPNOTSUPP.
constexpr std::uint64_t kWriteDataSync = 2, kWriteSync = 4, kHighPriority = 1;
constexpr std::uint64_t kKnownFlags = kWriteDataSync | kWriteSync | kHighPriority;

Result<RefPtr<File>> file_for(std::int32_t descriptor, Direction direction) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  const bool permitted = direction == Direction::kRead ? file->readable() : file->writable();
  if (!permitted) return Errno::kEBADF;
  return file;
}

// A positioned call on what has no positions is ESPIPE even where it is not open in that direction.
Result<RefPtr<File>> seekable_file_for(std::int32_t descriptor, Direction direction) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  const bool permitted = direction == Direction::kRead ? file->readable() : file->writable();
  if (permitted) return file;
  Result<std::uint64_t> position = file->seek(0, Whence::kCurrent);
  return !position.ok() && position.error() == Errno::kESPIPE ? Errno::kESPIPE : Errno::kEBADF;
}

SyscallResult finish(File& file, Direction direction, Result<std::size_t> moved) {
  const std::uint64_t bytes = moved.ok() ? moved.value() : 0;
  if (direction == Direction::kRead) current_task().count_read(bytes);
  else current_task().count_write(bytes);
  if (moved.ok()) {
    const bool synchronous = direction == Direction::kWrite && (file.flags() & kOpenDsync) != 0;
    if (synchronous && moved.value() != 0) {
      // What cannot be synchronised (a pipe opened so) has nothing to lose.
      Result<void> synchronised = file.synchronise((file.flags() & kOpenSync) != kOpenSync);
      if (!synchronised.ok() && synchronised.error() != Errno::kEINVAL) return synchronised.error();
    }
    return static_cast<std::int64_t>(moved.value());
  }
  if (direction == Direction::kWrite && moved.error() == Errno::kEPIPE && file.raises_broken_pipe()) raise_broken_pipe();
  return moved.error();
}

SyscallResult transfer(const RefPtr<File>& file, IoBuffer& buffer, Direction direction) {
  return finish(*file, direction, direction == Direction::kRead ? file->read(buffer) : file->write(buffer));
}

SyscallResult transfer_at(const RefPtr<File>& file, IoBuffer& buffer, Offset offset, Direction direction) {
  const auto position = static_cast<std::uint64_t>(offset);
  return finish(*file, direction,
                direction == Direction::kRead ? file->read_at(buffer, position) : file->write_at(buffer, position));
}

SyscallResult vector_call(std::int32_t descriptor, VirtAddr vector, std::size_t count, Direction direction) {
  RefPtr<File> file = TRY(file_for(descriptor, direction));
  VectorArgument argument;
  TRY(argument.read(vector, count));
  IoBuffer buffer = argument.buffer();
  return transfer(file, buffer, direction);
}

SyscallResult vector_call_at(std::int32_t descriptor, VirtAddr vector, std::size_t count, Offset offset,
                             Direction direction) {
  if (offset < 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(seekable_file_for(descriptor, direction));
  VectorArgument argument;
  TRY(argument.read(vector, count));
  IoBuffer buffer = argument.buffer();
  return transfer_at(file, buffer, offset, direction);
}

// preadv2 and pwritev2: -1 is the file's own position.
SyscallResult vector_call_with_flags(std::int32_t descriptor, VirtAddr vector, std::size_t count, Offset offset,
                                     std::uint64_t flags, Direction direction) {
  if ((flags & ~kKnownFlags) != 0) return Errno::kEOPNOTSUPP;
  const std::int64_t moved = TRY(offset == -1 ? vector_call(descriptor, vector, count, direction)
                                              : vector_call_at(descriptor, vector, count, offset, direction));
  if (direction == Direction::kWrite && moved > 0 && (flags & (kWriteDataSync | kWriteSync)) != 0) {
    TRY(TRY(descriptor_file(descriptor))->synchronise((flags & kWriteSync) == 0));
  }
  return moved;
}

}  // namespace

SyscallResult sys_read(Descriptor descriptor, VirtAddr to, std::size_t size) {
  RefPtr<File> file = TRY(file_for(descriptor, Direction::kRead));
  IoBuffer buffer = TRY(transfer_buffer(to, size));
  return transfer(file, buffer, Direction::kRead);
}

SyscallResult sys_write(Descriptor descriptor, VirtAddr from, std::size_t size) {
  RefPtr<File> file = TRY(file_for(descriptor, Direction::kWrite));
  IoBuffer buffer = TRY(transfer_buffer(from, size));
  return transfer(file, buffer, Direction::kWrite);
}

SyscallResult sys_pread64(Descriptor descriptor, VirtAddr to, std::size_t size, Offset offset) {
  if (offset < 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(seekable_file_for(descriptor, Direction::kRead));
  IoBuffer buffer = TRY(transfer_buffer(to, size));
  return transfer_at(file, buffer, offset, Direction::kRead);
}

SyscallResult sys_pwrite64(Descriptor descriptor, VirtAddr from, std::size_t size, Offset offset) {
  if (offset < 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(seekable_file_for(descriptor, Direction::kWrite));
  IoBuffer buffer = TRY(transfer_buffer(from, size));
  return transfer_at(file, buffer, offset, Direction::kWrite);
}

SyscallResult sys_readv(Descriptor descriptor, VirtAddr vector, std::size_t count) {
  return vector_call(descriptor, vector, count, Direction::kRead);
}

SyscallResult sys_writev(Descriptor descriptor, VirtAddr vector, std::size_t count) {
  return vector_call(descriptor, vector, count, Direction::kWrite);
}

// The offset's upper half is a second argument for the sake of 32-bit machines; here it is 0 or repeats.
SyscallResult sys_preadv(Descriptor descriptor, VirtAddr vector, std::size_t count, Offset offset) {
  return vector_call_at(descriptor, vector, count, offset, Direction::kRead);
}

SyscallResult sys_pwritev(Descriptor descriptor, VirtAddr vector, std::size_t count, Offset offset) {
  return vector_call_at(descriptor, vector, count, offset, Direction::kWrite);
}

SyscallResult sys_preadv2(Descriptor descriptor, VirtAddr vector, std::size_t count, Offset offset,
                          std::size_t, Flags flags) {
  return vector_call_with_flags(descriptor, vector, count, offset, flags, Direction::kRead);
}

SyscallResult sys_pwritev2(Descriptor descriptor, VirtAddr vector, std::size_t count, Offset offset,
                           std::size_t, Flags flags) {
  return vector_call_with_flags(descriptor, vector, count, offset, flags, Direction::kWrite);
}

SyscallResult sys_lseek(Descriptor descriptor, Offset offset, unsigned whence) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (whence > static_cast<unsigned>(Whence::kHole)) return Errno::kEINVAL;
  return static_cast<std::int64_t>(TRY(file->seek(offset, static_cast<Whence>(whence))));
}

}  // namespace mokapot
