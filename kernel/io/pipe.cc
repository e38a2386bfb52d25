// SPDX-License-Identifier: Apache-2.0
#include "io/pipe.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "io/anonymous.h"
#include "io/terminal_requests.h"

namespace mokapot {

Pipe::Pipe() : inode_(next_anonymous_inode()) {}

Result<RefPtr<PipeFile>> Pipe::open(std::uint32_t flags) {
  return make_ref<PipeFile>(RefPtr<Pipe>(this), flags);
}

void Pipe::attach(PipeFile& end) {
  {
    IrqSpinGuard guard(ends_lock_);
    ends_.push_back(end);
    if (end.readable()) readers_.fetch_add(1, std::memory_order_acq_rel), readers_ever_.fetch_add(1);
    if (end.writable()) writers_.fetch_add(1, std::memory_order_acq_rel), writers_ever_.fetch_add(1);
  }
  opened_.wake_all();
}

void Pipe::detach(PipeFile& end) {
  bool last_reader = false, last_writer = false;
  {
    IrqSpinGuard guard(ends_lock_);
    ends_.erase(ends_.iterator_to(end));
    if (end.readable()) last_reader = readers_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (end.writable()) last_writer = writers_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  if (last_reader) notify_writers(kPollError | kPollWritable);
  if (last_writer) notify_readers(kPollHangUp | kPollReadable);
}

void Pipe::notify_readers(PollEvents events) {
  IrqSpinGuard guard(ends_lock_);
  for (PipeFile& end : ends_) {
    if (end.readable()) end.notify(events);
  }
}

void Pipe::notify_writers(PollEvents events) {
  IrqSpinGuard guard(ends_lock_);
  for (PipeFile& end : ends_) {
    if (end.writable()) end.notify(events);
  }
}

Result<std::size_t> Pipe::read_some(IoBuffer& into) {
  // Looked at before the ring: a writer that leaves after its last write must not hide that write.
  const bool had_writers = writers() != 0;
  const std::size_t moved = TRY(ring_.read(into));
  if (moved == 0 && had_writers) return Errno::kEAGAIN;
  if (moved != 0) notify_writers(kPollWritable);
  return moved;
}

Result<std::size_t> Pipe::write_some(IoBuffer& from, std::size_t least) {
  if (readers() == 0) return Errno::kEPIPE;
  const std::size_t moved = TRY(ring_.write(from, least));
  notify_readers(kPollReadable);
  return moved;
}

Result<std::size_t> Pipe::set_capacity(std::size_t size) {
  const std::size_t wanted = std::bit_ceil(std::max(size, kPageSize));
  TRY(ring_.set_capacity(wanted));
  notify_writers(kPollWritable);
  return wanted;
}

Result<RefPtr<File>> Pipe::open_fifo(std::uint32_t flags) {
  const bool reads = (flags & kOpenAccessMask) != kOpenWriteOnly;
  const bool writes = (flags & kOpenAccessMask) != kOpenReadOnly;
  const bool non_blocking = (flags & kOpenNonBlock) != 0;
  if (writes && !reads && non_blocking && readers() == 0) return Errno::kENXIO;
  const std::uint32_t readers_before = readers_ever_.load(), writers_before = writers_ever_.load();
  RefPtr<PipeFile> end = TRY(open(flags));
  if (!non_blocking && !(reads && writes)) {
    // A partner that came and went counts too: it was there when both were open.
    auto partner = [&] {
      return reads ? writers() != 0 || writers_ever_.load() != writers_before
                   : readers() != 0 || readers_ever_.load() != readers_before;
    };
    if (wait_until(opened_, Instant::never(), Interruptible::kYes, partner) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
  return RefPtr<File>(std::move(end));
}

PipeFile::PipeFile(RefPtr<Pipe> pipe, std::uint32_t flags) : File(flags), pipe_(std::move(pipe)) {
  pipe_->attach(*this);
}

PipeFile::~PipeFile() { pipe_->detach(*this); }

Result<std::size_t> PipeFile::read(IoBuffer& into) {
  if (into.remaining() == 0) return std::size_t{0};
  while (true) {
    Result<std::size_t> moved = pipe_->read_some(into);
    if (moved.ok() || moved.error() != Errno::kEAGAIN) return moved;
    if (non_blocking()) return Errno::kEAGAIN;
    auto ready = [this] { return pipe_->used() != 0 || pipe_->writers() == 0; };
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes, ready) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
}

Result<std::size_t> PipeFile::write(IoBuffer& from) {
  std::size_t total = 0;
  const std::size_t least = from.remaining() <= kPipeAtomic ? from.remaining() : 1;
  while (from.remaining() > 0) {
    Result<std::size_t> moved = pipe_->write_some(from, std::min(least, from.remaining()));
    if (moved.ok()) {
      total += moved.take();
      continue;
    }
    if (moved.error() != Errno::kEAGAIN || non_blocking()) {
      if (total != 0) break;
      return moved.error();
    }
    auto ready = [&] {
      return pipe_->readers() == 0 || pipe_->capacity() - pipe_->used() >= least;
    };
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes, ready) != WakeReason::kWoken) {
      if (total != 0) break;
      return Errno::kRestart;
    }
  }
  return total;
}

Result<std::int64_t> PipeFile::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kFionread) return Errno::kENOTTY;
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(pipe_->used())));
  return std::int64_t{0};
}

Result<FileStatus> PipeFile::status() {
  FileStatus status;
  status.device = kPipeDevice;
  status.inode = pipe_->inode();
  status.mode = kFifoMode | 0600;
  return status;
}

PollEvents PipeFile::poll() {
  PollEvents events = 0;
  if (readable()) {
    if (pipe_->used() != 0) events |= kPollReadable;
    if (pipe_->writers() == 0) events |= kPollHangUp;
  }
  if (writable()) {
    if (pipe_->capacity() - pipe_->used() >= kPipeAtomic) events |= kPollWritable;
    if (pipe_->readers() == 0) events |= kPollError;
  }
  return events;
}

std::size_t PipeFile::describe(char* buffer, std::size_t size) {
  return format_to(buffer, size, "pipe:[%llu]", static_cast<unsigned long long>(pipe_->inode()));
}

Result<PipePair> create_pipe(std::uint32_t flags) {
  RefPtr<Pipe> pipe = TRY(make_ref<Pipe>());
  PipePair pair;
  pair.read_end = TRY(pipe->open(kOpenReadOnly | flags));
  pair.write_end = TRY(pipe->open(kOpenWriteOnly | flags));
  return pair;
}

}  // namespace mokapot
