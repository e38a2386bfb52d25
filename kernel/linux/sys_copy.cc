// SPDX-License-Identifier: Apache-2.0
//
// Moving bytes from one descriptor to another inside the kernel: sendfile(2), copy_file_range(2), splice(2).
// Data goes through a buffer in pieces; positions advance by what the receiving side took.
#include <algorithm>

#include "io/pipe.h"
#include "io/socket.h"
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

constexpr std::size_t kPiece = 65536;
constexpr std::size_t kLeastPiece = 2048;

// One side of a copy: a file at its own position or at one that the caller keeps.
struct Side {
  RefPtr<File> file;
  bool own_position = true;
  std::uint64_t position = 0;

  Result<std::size_t> read(IoBuffer& into) { return own_position ? file->read(into) : file->read_at(into, position); }
  Result<std::size_t> write(IoBuffer& from) {
    return own_position ? file->write(from) : file->write_at(from, position);
  }
};

// Takes the position from *address, if there is one. kEFAULT, kEINVAL for a negative one.
Result<void> take_position(Side& side, VirtAddr address) {
  if (address.is_null()) return {};
  const auto offset = TRY(read_application<std::int64_t>(address));
  if (offset < 0) return Errno::kEINVAL;
  side.own_position = false;
  side.position = static_cast<std::uint64_t>(offset);
  return {};
}

Result<void> give_position(const Side& side, VirtAddr address) {
  if (address.is_null()) return {};
  return write_application(address, static_cast<std::int64_t>(side.position));
}

// What the source gave and the destination did not take goes back: its position is moved, if it has one.
void return_unused(Side& from, std::size_t count) {
  if (count == 0 || !from.own_position) return;
  [[maybe_unused]] const auto moved = from.file->seek(-static_cast<std::int64_t>(count), Whence::kCurrent);
}

// At most `size` bytes, which becomes what they are: fewer where free memory lies in single pages. Null where the heap
// has nothing even after it has asked for memory back.
std::unique_ptr<std::byte[]> allocate_piece(std::size_t& size) {
  while (true) {
    std::unique_ptr<std::byte[]> piece(new (std::nothrow) std::byte[size]);
    if (piece || size <= kLeastPiece) return piece;
    size = std::max(size / 2, kLeastPiece);
  }
}

Result<std::size_t> copy(Side& from, Side& to, std::size_t size) {
  std::size_t piece_size = std::min(size, kPiece);
  if (piece_size == 0) return std::size_t{0};
  std::unique_ptr<std::byte[]> piece = allocate_piece(piece_size);
  if (!piece) return Errno::kENOMEM;
  std::size_t total = 0;
  while (total < size) {
    IoBuffer into(piece.get(), std::min(size - total, piece_size));
    Result<std::size_t> read = from.read(into);
    if (!read.ok() && total == 0) return read;
    if (!read.ok() || read.value() == 0) break;
    IoBuffer out(piece.get(), read.value());
    Result<std::size_t> written = to.write(out);
    const std::size_t taken = written.ok() ? written.value() : 0;
    return_unused(from, read.value() - taken);
    from.position += taken;
    to.position += taken;
    total += taken;
    if (!written.ok() && total == 0) return written;
    if (taken < read.value()) break;
  }
  return total;
}

// From a regular file to a socket: pages that are in memory go as they are, the others by way of a copy, which also
// brings in those that follow.
Result<std::size_t> send_file(Side& from, Side& to, std::size_t size, std::uint64_t file_size) {
  auto source = from.file->page_source();
  if (to.file->kind() != FileKind::kSocket || !source.ok()) return copy(from, to, size);
  auto& socket = static_cast<SocketFile&>(*to.file);
  if (from.own_position) from.position = TRY(from.file->seek(0, Whence::kCurrent));
  std::size_t total = 0;
  while (total < size && from.position < file_size) {
    const std::size_t rest = std::min<std::uint64_t>(size - total, file_size - from.position);
    Result<std::size_t> sent = socket.send_pages(*source.value(), from.position, rest);
    if (sent.ok() && sent.value() == 0) {
      sent = copy(from, to, std::min(rest, kPiece));
      if (sent.ok() && sent.value() == 0) break;
    } else if (sent.ok()) {
      from.position += sent.value();
      if (from.own_position) TRY(from.file->seek(static_cast<std::int64_t>(sent.value()), Whence::kCurrent));
    }
    if (!sent.ok() && total == 0) return sent;
    if (!sent.ok()) break;
    total += sent.value();
  }
  return total;
}

SyscallResult finish(Result<std::size_t> copied) {
  if (copied.ok()) return static_cast<std::int64_t>(copied.value());
  if (copied.error() == Errno::kEPIPE) raise_broken_pipe();
  return copied.error();
}

Result<Side> side_for_reading(std::int32_t descriptor) {
  Side side{TRY(descriptor_file(descriptor))};
  if (!side.file->readable()) return Errno::kEBADF;
  return side;
}

Result<Side> side_for_writing(std::int32_t descriptor) {
  Side side{TRY(descriptor_file(descriptor))};
  if (!side.file->writable()) return Errno::kEBADF;
  return side;
}

std::uint32_t type_of(const FileStatus& status) { return status.mode & kModeType; }

bool ranges_overlap(std::uint64_t a, std::uint64_t b, std::uint64_t size) {
  return a < b + size && b < a + size;
}

}  // namespace

SyscallResult sys_sendfile(Descriptor out, Descriptor in, VirtAddr offset, std::size_t count) {
  Side from = TRY(side_for_reading(in));
  TRY(take_position(from, offset));
  Side to = TRY(side_for_writing(out));
  if ((to.file->flags() & kOpenAppend) != 0) return Errno::kEINVAL;
  const FileStatus status = TRY(from.file->status());
  const std::uint32_t type = type_of(status);
  // Only what can be read again may be the source: bytes that the receiver refuses must not be lost.
  if (type != kModeRegular && type != kModeBlockDevice) return Errno::kEINVAL;
  count = std::min(count, kMostTransfer);
  Result<std::size_t> copied =
      type == kModeRegular ? send_file(from, to, count, status.size) : copy(from, to, count);
  TRY(give_position(from, offset));
  return finish(std::move(copied));
}

SyscallResult sys_copy_file_range(Descriptor in, VirtAddr in_offset, Descriptor out, VirtAddr out_offset,
                                  std::size_t size, Flags flags) {
  Side from{TRY(descriptor_file(in))};
  Side to{TRY(descriptor_file(out))};
  TRY(take_position(from, in_offset));
  TRY(take_position(to, out_offset));
  if (flags != 0) return Errno::kEINVAL;
  const FileStatus in_status = TRY(from.file->status()), out_status = TRY(to.file->status());
  if (type_of(in_status) == kModeDirectory || type_of(out_status) == kModeDirectory) return Errno::kEISDIR;
  if (type_of(in_status) != kModeRegular || type_of(out_status) != kModeRegular) return Errno::kEINVAL;
  if (!from.file->readable() || !to.file->writable() || (to.file->flags() & kOpenAppend) != 0) return Errno::kEBADF;
  if (in_status.device != out_status.device) return Errno::kEXDEV;
  size = std::min(size, kMostTransfer);
  if (in_status.inode == out_status.inode) {
    const std::uint64_t in_at = from.own_position ? TRY(from.file->seek(0, Whence::kCurrent)) : from.position;
    const std::uint64_t out_at = to.own_position ? TRY(to.file->seek(0, Whence::kCurrent)) : to.position;
    if (ranges_overlap(in_at, out_at, size)) return Errno::kEINVAL;
  }
  Result<std::size_t> copied = copy(from, to, size);
  TRY(give_position(from, in_offset));
  TRY(give_position(to, out_offset));
  return finish(std::move(copied));
}

SyscallResult sys_splice(Descriptor in, VirtAddr in_offset, Descriptor out, VirtAddr out_offset, std::size_t size,
                         Flags flags) {
  constexpr std::uint64_t kMove = 1, kNonBlock = 2, kMore = 4, kGift = 8;
  if ((flags & ~(kMove | kNonBlock | kMore | kGift)) != 0) return Errno::kEINVAL;
  if (size == 0) return 0;
  Side from = TRY(side_for_reading(in));
  Side to = TRY(side_for_writing(out));
  const bool from_pipe = from.file->kind() == FileKind::kPipe, to_pipe = to.file->kind() == FileKind::kPipe;
  if (!from_pipe && !to_pipe) return Errno::kEINVAL;
  if ((from_pipe && !in_offset.is_null()) || (to_pipe && !out_offset.is_null())) return Errno::kESPIPE;
  if ((to.file->flags() & kOpenAppend) != 0) return Errno::kEINVAL;
  TRY(take_position(from, in_offset));
  TRY(take_position(to, out_offset));
  // One piece, as large as the pipes can do at once, so that what was read can be written whole.
  size = std::min(size, kPiece);
  const bool non_blocking = (flags & kNonBlock) != 0;
  if (from_pipe) {
    Pipe& pipe = static_cast<PipeFile&>(*from.file).pipe();
    if (pipe.used() == 0 && pipe.writers() != 0 && (non_blocking || from.file->non_blocking())) return Errno::kEAGAIN;
  }
  if (to_pipe) {
    Pipe& pipe = static_cast<PipeFile&>(*to.file).pipe();
    const std::size_t room = pipe.capacity() - pipe.used();
    if (room == 0 && (non_blocking || to.file->non_blocking())) return Errno::kEAGAIN;
    size = std::min(size, room != 0 ? room : kPipeAtomic);
  }
  std::unique_ptr<std::byte[]> piece(new (std::nothrow) std::byte[size]);
  if (!piece) return Errno::kENOMEM;
  IoBuffer into(piece.get(), size);
  const std::size_t read = TRY(from.read(into));
  std::size_t written = 0;
  while (written < read) {
    IoBuffer rest(piece.get() + written, read - written);
    Result<std::size_t> moved = to.write(rest);
    if (!moved.ok()) {
      if (!from_pipe) return_unused(from, read - written);
      if (written == 0) return finish(std::move(moved));
      break;
    }
    written += moved.value();
    from.position += moved.value();
    to.position += moved.value();
  }
  TRY(give_position(from, in_offset));
  TRY(give_position(to, out_offset));
  return static_cast<std::int64_t>(written);
}

}  // namespace mokapot
