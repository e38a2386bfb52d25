// SPDX-License-Identifier: Apache-2.0
//
// An open file description: what a descriptor refers to. Regular files, directories, pipes, consoles,
// event descriptors and sockets derive from it. Readiness is one WaitQueue a file that
// blocking calls, poll and epoll all rest on.
//
// Locks: status flags are atomic; position_ is guarded by position_lock_ (rank kFilePosition); the rest is
// the derived class's. Thread context; every function may block unless O_NONBLOCK is set.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/ref_counted.h"
#include "base/result.h"
#include "sched/wait_queue.h"
#include "vm/page_source.h"
#include "vm/user_access.h"

namespace mokapot {

// Linux's values.
inline constexpr std::uint32_t kOpenAccessMask = 03, kOpenReadOnly = 0, kOpenWriteOnly = 01, kOpenReadWrite = 02;
inline constexpr std::uint32_t kOpenCreate = 0100, kOpenExclusive = 0200, kOpenNoCtty = 0400, kOpenTruncate = 01000;
inline constexpr std::uint32_t kOpenAppend = 02000, kOpenNonBlock = 04000, kOpenDsync = 010000, kOpenAsync = 020000;
inline constexpr std::uint32_t kOpenDirect = 040000, kOpenLargeFile = 0100000, kOpenDirectory = 0200000;
inline constexpr std::uint32_t kOpenNoFollow = 0400000, kOpenNoAtime = 01000000, kOpenCloseOnExec = 02000000;
inline constexpr std::uint32_t kOpenSync = 04010000, kOpenPath = 010000000, kOpenTemporary = 020200000;

// poll(2) event bits, Linux's values.
using PollEvents = std::uint32_t;
inline constexpr PollEvents kPollIn = 0x1, kPollPriority = 0x2, kPollOut = 0x4, kPollError = 0x8, kPollHangUp = 0x10;
inline constexpr PollEvents kPollReadNormal = 0x40, kPollWriteNormal = 0x100, kPollReadHangUp = 0x2000;

// What the stat family reports; the syscall layer lays it out.
struct FileStatus {
  std::uint64_t device = 0, inode = 0;
  std::uint32_t mode = 0;  // type and permission bits, Linux's S_IF...
  std::uint32_t links = 1, user = 0, group = 0;
  std::uint64_t special_device = 0, size = 0, blocks = 0;  // blocks of 512 bytes
  std::uint32_t block_size = 4096;
  struct Time { std::int64_t seconds = 0; std::uint32_t nanoseconds = 0; };
  Time accessed, modified, changed, born;
};

enum class Whence : std::uint8_t { kSet = 0, kCurrent = 1, kEnd = 2, kData = 3, kHole = 4 };

class Vnode;   // fs/; nullptr for pipes, sockets and the like
class Dentry;  // fs/

class File : public RefCounted<File> {
 public:
  explicit File(std::uint32_t open_flags) : flags_(open_flags) {}
  virtual ~File() = default;

  std::uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  // F_SETFL: replaces O_APPEND, O_NONBLOCK, O_DIRECT, O_ASYNC, O_NOATIME only.
  void set_status_flags(std::uint32_t flags);
  bool non_blocking() const { return (flags() & kOpenNonBlock) != 0; }
  bool readable() const { return (flags() & kOpenAccessMask) != kOpenWriteOnly; }
  bool writable() const { return (flags() & kOpenAccessMask) != kOpenReadOnly; }

  // Sequential transfer: at the position for seekable files. Returns bytes moved, 0 at end of file.
  // Errors: kEBADF if not open that way (checked by the caller), kEAGAIN, kEINTR/kRestart, kEISDIR, kEPIPE ...
  virtual Result<std::size_t> read(IoBuffer& into);
  virtual Result<std::size_t> write(IoBuffer& from);
  virtual Result<std::size_t> read_at(IoBuffer& into, std::uint64_t offset);    // default kESPIPE
  virtual Result<std::size_t> write_at(IoBuffer& from, std::uint64_t offset);   // default kESPIPE
  virtual Result<std::uint64_t> seek(std::int64_t offset, Whence whence);       // default kESPIPE
  virtual Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument);  // ioctl; default kENOTTY
  virtual Result<FileStatus> status() = 0;
  virtual Result<void> truncate(std::uint64_t size);                            // default kEINVAL
  virtual Result<void> synchronise(bool data_only);                             // fsync; default kEINVAL
  virtual Result<RefPtr<PageSource>> page_source();                             // mmap; default kENODEV

  // Readiness now. Default: always readable and writable.
  virtual PollEvents poll();
  // Wakes whoever waits for this file; derived classes call it when poll() may have changed.
  void notify() { readiness_.wake_all(); }
  WaitQueue& readiness() { return readiness_; }

  // The last descriptor went (mappings may still hold the file).
  virtual void on_closed() {}
  virtual Vnode* vnode() { return nullptr; }
  virtual Dentry* dentry() { return nullptr; }  // where it was opened, for paths relative to it

 private:
  std::atomic<std::uint32_t> flags_;
  WaitQueue readiness_;
};

}  // namespace mokapot
