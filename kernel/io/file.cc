// SPDX-License-Identifier: Apache-2.0
#include "io/file.h"

#include "io/record_lock.h"
#include "sched/kick_batch.h"

namespace mokapot {
namespace {
constexpr std::uint32_t kChangeableFlags =
    kOpenAppend | kOpenNonBlock | kOpenDirect | kOpenAsync | kOpenNoAtime;
}  // namespace

File::~File() {
  if (has_locks.load(std::memory_order_relaxed)) release_file_locks(*this);
  // The count cannot rise any more: a watch is added by somebody who holds a reference.
  if (watch_count_.load(std::memory_order_acquire) != 0) detach_watches(*this);
}

void File::set_status_flags(std::uint32_t flags) {
  std::uint32_t old = flags_.load(std::memory_order_relaxed);
  // A concurrent F_SETFL of another thread must not be mixed with this one.
  while (!flags_.compare_exchange_weak(old, (old & ~kChangeableFlags) | (flags & kChangeableFlags),
                                       std::memory_order_relaxed)) {
  }
}

Result<std::size_t> File::read(IoBuffer&) { return Errno::kEINVAL; }
Result<std::size_t> File::write(IoBuffer&) { return Errno::kEINVAL; }
Result<std::size_t> File::read_at(IoBuffer&, std::uint64_t) { return Errno::kESPIPE; }
Result<std::size_t> File::write_at(IoBuffer&, std::uint64_t) { return Errno::kESPIPE; }
Result<std::uint64_t> File::seek(std::int64_t, Whence) { return Errno::kESPIPE; }
Result<std::int64_t> File::control(std::uint32_t, std::uint64_t) { return Errno::kENOTTY; }
Result<void> File::truncate(std::uint64_t) { return Errno::kEINVAL; }
Result<void> File::synchronise(bool) { return Errno::kEINVAL; }
Result<RefPtr<PageSource>> File::page_source() { return Errno::kENODEV; }
PollEvents File::poll() { return kPollReadable | kPollWritable; }

void File::notify(PollEvents events) {
  readiness_.wake_all();
  // Orders the caller's change of state before the look at the count: a watch added at the same moment
  // either is seen here or sees the change when it polls the file.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (watch_count_.load(std::memory_order_relaxed) == 0) return;
  const KickBatch after_the_lock;
  IrqSpinGuard guard(watch_lock_);
  bool exclusive_served = false;
  for (FileWatch& watch : watches_) {
    if (!watch.exclusive()) {
      watch.on_event(events);
    } else if (!exclusive_served) {
      exclusive_served = watch.on_event(events);
    }
  }
}

void File::add_watch(FileWatch& watch) {
  IrqSpinGuard guard(watch_lock_);
  watches_.push_back(watch);
  watch_count_.fetch_add(1, std::memory_order_seq_cst);
}

void File::remove_watch(FileWatch& watch) {
  IrqSpinGuard guard(watch_lock_);
  watches_.erase(watches_.iterator_to(watch));
  watch_count_.fetch_sub(1, std::memory_order_release);
}

FileWatch* File::first_watch() {
  IrqSpinGuard guard(watch_lock_);
  return watches_.empty() ? nullptr : &watches_.front();
}

}  // namespace mokapot
