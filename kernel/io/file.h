// SPDX-License-Identifier: Apache-2.0
//
// An open file description: what a descriptor refers to. Regular files, directories, pipes, consoles,
// event descriptors and sockets derive from it. Readiness is one WaitQueue a file that
// blocking calls and poll rest on, and a list of watches for epoll; notify() serves both.
//
// Locks: status flags are atomic; the watches have a spinlock (rank kFileWatch, interrupts off); the rest is
// the derived class's. Thread context; every function may block unless O_NONBLOCK is set, but notify(),
// which any context may call with locks of rank below kWaitQueue held, interrupt handlers included.
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
inline constexpr PollEvents kPollInvalid = 0x20, kPollReadNormal = 0x40, kPollReadBand = 0x80;
inline constexpr PollEvents kPollWriteNormal = 0x100, kPollWriteBand = 0x200, kPollReadHangUp = 0x2000;
inline constexpr PollEvents kPollAny = ~PollEvents{0};
// What poll() reports as readable and as writable.
inline constexpr PollEvents kPollReadable = kPollIn | kPollReadNormal;
inline constexpr PollEvents kPollWritable = kPollOut | kPollWriteNormal;

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

// Which class a file is, for calls that work on one kind only (fcntl's F_SETPIPE_SZ, epoll_ctl, bind ...).
enum class FileKind : std::uint8_t { kOther, kPipe, kEvent, kTimer, kEpoll, kSocket, kInotify, kSignal };

class Vnode;   // fs/; nullptr for pipes, sockets and the like
class Dentry;  // fs/
class File;

// One who watches a file (epoll). Its object outlives its membership of the file's list.
class FileWatch {
 public:
  // events: what may have become true, kPollAny where the file does not say. Runs under the file's watch
  // lock with interrupts off. Returns whether somebody was woken by it.
  virtual bool on_event(PollEvents events) = 0;
  // Once a notification has woken one exclusive watch, it passes the others over (EPOLLEXCLUSIVE).
  virtual bool exclusive() const = 0;
  // The file dies; the watch must take itself off the list. Thread context, nothing held but the lock
  // that keeps watches alive meanwhile (epoll.cc).
  virtual void on_file_closed() = 0;

  ListHook file_hook;  // File::watches_

 protected:
  ~FileWatch() = default;
};

class File : public RefCounted<File> {
 public:
  explicit File(std::uint32_t open_flags, LockRank readiness_rank = LockRank::kWaitQueue)
      : flags_(open_flags), readiness_(readiness_rank) {}
  virtual ~File();

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
  // False for files that are always ready, which epoll refuses with kEPERM: regular files and directories.
  virtual bool pollable() { return false; }
  // Wakes whoever waits for this file; derived classes call it after poll() may have changed, saying which
  // events may be new.
  virtual void notify(PollEvents events = kPollAny);
  WaitQueue& readiness() { return readiness_; }
  // For epoll; overridden by files that watch others themselves.
  virtual void add_watch(FileWatch& watch);
  virtual void remove_watch(FileWatch& watch);

  // The last descriptor went (mappings and calls under way may still hold the file).
  virtual void on_closed() {}
  // Whether a write to what nobody reads any more raises SIGPIPE beside kEPIPE.
  virtual bool raises_broken_pipe() const { return true; }
  virtual FileKind kind() const { return FileKind::kOther; }
  virtual Vnode* vnode() { return nullptr; }
  virtual Dentry* dentry() { return nullptr; }  // where it was opened, for paths relative to it
  // What /proc/self/fd/N shows for files without a dentry: "pipe:[5]". Returns the length; 0: no name.
  virtual std::size_t describe(char*, std::size_t) { return 0; }

  // The descriptor table counts how many numbers refer to the file. removed() is true for the last.
  void descriptor_added() { descriptors_.fetch_add(1, std::memory_order_relaxed); }
  bool descriptor_removed() { return descriptors_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  // Set once a record lock or flock was taken through this file, so that closing others costs nothing.
  std::atomic<bool> has_locks{false};

 private:
  friend void detach_watches(File& file);
  FileWatch* first_watch();

  std::atomic<std::uint32_t> flags_;
  std::atomic<std::uint32_t> descriptors_{0};
  std::atomic<std::uint32_t> watch_count_{0};  // written under watch_lock_; read without, to skip the lock
  WaitQueue readiness_;
  SpinLock watch_lock_{LockRank::kFileWatch};
  IntrusiveList<FileWatch, &FileWatch::file_hook> watches_ GUARDED_BY(watch_lock_);
};

// Takes every epoll watch off a file that dies (epoll.cc).
void detach_watches(File& file);

}  // namespace mokapot
