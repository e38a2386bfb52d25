// SPDX-License-Identifier: Apache-2.0
//
// Pipes and FIFOs: a ring of bytes between read ends and write ends (pipe(7)). Writes of up to kPipeAtomic
// bytes are not interleaved with others; larger ones are moved as room appears.
//
// Locks: the ring's (byte_ring.h); ends come and go under a spinlock (rank kReadiness), under which they are
// notified. Counts are atomic, so that poll() and waiting need no lock. SIGPIPE is the caller's to raise
// on kEPIPE.
#pragma once

#include <atomic>

#include "io/byte_ring.h"
#include "io/file.h"
#include "sync/spinlock.h"

namespace mokapot {

inline constexpr std::size_t kPipeAtomic = 4096;       // PIPE_BUF
inline constexpr std::size_t kPipeDefaultSize = 65536;
inline constexpr std::size_t kPipeMaximumSize = std::size_t{1} << 20;

class Pipe;

// One end, or both (a FIFO opened O_RDWR).
class PipeFile final : public File {
 public:
  PipeFile(RefPtr<Pipe> pipe, std::uint32_t flags);
  ~PipeFile() override;

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::size_t> write(IoBuffer& from) override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  FileKind kind() const override { return FileKind::kPipe; }
  std::size_t describe(char* buffer, std::size_t size) override;
  Pipe& pipe() { return *pipe_; }

  ListHook end_hook;  // Pipe::ends_

 private:
  const RefPtr<Pipe> pipe_;
};

class Pipe : public RefCounted<Pipe> {
 public:
  Pipe();

  // A new end; its kind is the access mode of flags. An anonymous pipe has one of each.
  Result<RefPtr<PipeFile>> open(std::uint32_t flags);
  // open(2) of a FIFO: waits for the other side as fifo(7) says. kENXIO, kRestart.
  Result<RefPtr<File>> open_fifo(std::uint32_t flags);

  std::size_t used() const { return ring_.used(); }
  std::size_t capacity() const { return ring_.capacity(); }
  // Rounds up to a power of two pages and returns the new size. kEBUSY if what is in it does not fit.
  Result<std::size_t> set_capacity(std::size_t size);
  std::uint64_t inode() const { return inode_; }
  std::uint32_t readers() const { return readers_.load(std::memory_order_acquire); }
  std::uint32_t writers() const { return writers_.load(std::memory_order_acquire); }

 private:
  friend class PipeFile;
  // One step of a transfer, without waiting. read_some: kEAGAIN if empty while writers are left, 0 at the
  // end. write_some: moves at least `least` bytes or none (kEAGAIN); kEPIPE.
  Result<std::size_t> read_some(IoBuffer& into);
  Result<std::size_t> write_some(IoBuffer& from, std::size_t least);
  void attach(PipeFile& end);
  void detach(PipeFile& end);
  void notify_readers(PollEvents events);
  void notify_writers(PollEvents events);

  ByteRing ring_{kPipeDefaultSize};
  // Written under ends_lock_, read anywhere. The totals only grow: a FIFO's opener waits for a change.
  std::atomic<std::uint32_t> readers_{0}, writers_{0};
  std::atomic<std::uint32_t> readers_ever_{0}, writers_ever_{0};
  WaitQueue opened_;
  SpinLock ends_lock_{LockRank::kReadiness};
  IntrusiveList<PipeFile, &PipeFile::end_hook> ends_ GUARDED_BY(ends_lock_);
  const std::uint64_t inode_;
};

struct PipePair {
  RefPtr<File> read_end;
  RefPtr<File> write_end;
};
// flags: O_NONBLOCK for both ends.
Result<PipePair> create_pipe(std::uint32_t flags);

}  // namespace mokapot
