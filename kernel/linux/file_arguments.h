// SPDX-License-Identifier: Apache-2.0
//
// Arguments that the file system calls share: paths, directories that paths begin at, vectors of buffers.
// Everything here reads application memory and checks it; thread context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "fs/vfs.h"
#include "io/file.h"
#include "linux/syscall_types.h"
#include "vm/user_access.h"

namespace mokapot {

// Linux's AT_ values.
inline constexpr std::int32_t kAtWorkingDirectory = -100;
inline constexpr std::uint64_t kAtNoFollow = 0x100, kAtRemoveDirectory = 0x200, kAtEffectiveAccess = 0x200;
inline constexpr std::uint64_t kAtFollow = 0x400, kAtNoAutomount = 0x800, kAtEmptyPath = 0x1000;

// A path copied from the application. Short ones, which nearly all are, stay off the heap.
class PathArgument {
 public:
  enum class Empty : std::uint8_t { kRefused, kAllowed };
  // kEFAULT, kENAMETOOLONG; kENOENT for "" unless it is allowed, where a null pointer counts as "" too.
  Result<void> read(Path path, Empty empty = Empty::kRefused);
  PathArgument() {}  // small_ holds nothing until read() fills it
  PathArgument(const PathArgument&) = delete;
  PathArgument& operator=(const PathArgument&) = delete;

  std::string_view view() const { return {large_ ? large_.get() : small_, size_}; }
  bool empty() const { return size_ == 0; }

 private:
  char small_[192];
  std::unique_ptr<char[]> large_;
  std::size_t size_ = 0;
};

// Where a path begins: null for the working directory and for absolute paths.
struct PathBase {
  RefPtr<File> holder;  // keeps the dentry
  Dentry* dentry = nullptr;
};
// kEBADF, kENOTDIR; the descriptor is not looked at if the path is absolute.
Result<PathBase> path_base(std::int32_t descriptor, std::string_view path);

// What dirfd and path name, with AT_EMPTY_PATH meaning the descriptor itself, be it what it may: then `file`
// is set, and dentry is null where the file has none. Otherwise only dentry is.
struct Located {
  RefPtr<File> file;
  RefPtr<Dentry> dentry;
};
Result<Located> locate(std::int32_t descriptor, Path path, LastLink last, PathArgument::Empty empty);
// As above for calls that need an inode of a file system: kEBADF... kEINVAL for files that have none.
Result<RefPtr<Dentry>> locate_dentry(std::int32_t descriptor, Path path, LastLink last,
                                     PathArgument::Empty empty = PathArgument::Empty::kRefused);

// What read and write move at most in one call (MAX_RW_COUNT), and how many buffers a vector has at most.
inline constexpr std::size_t kMostTransfer = 0x7fff'f000;
inline constexpr std::size_t kMostSegments = 1024;

// An iovec array: kEINVAL for too many or a sum that overflows, kEFAULT.
class VectorArgument {
 public:
  Result<void> read(VirtAddr vector, std::size_t count);
  VectorArgument() {}  // small_ holds nothing until read() fills it
  VectorArgument(const VectorArgument&) = delete;
  VectorArgument& operator=(const VectorArgument&) = delete;
  // Valid while the argument lives.
  IoBuffer buffer() const {
    return IoBuffer(std::span<const IoSegment>(large_ ? large_.get() : small_, count_));
  }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSmall = 8;
  IoSegment small_[kSmall];
  std::unique_ptr<IoSegment[]> large_;
  std::size_t count_ = 0;
  std::size_t size_ = 0;
};

// One buffer of read or write: checked as a whole, then cut to what one call moves.
Result<IoBuffer> transfer_buffer(VirtAddr address, std::size_t size);

// Milliseconds as poll and epoll_wait have them: negative is never.
Instant deadline_after_milliseconds(std::int32_t milliseconds);

// kEPIPE of a write or send becomes SIGPIPE for the calling thread too.
void raise_broken_pipe();

}  // namespace mokapot
