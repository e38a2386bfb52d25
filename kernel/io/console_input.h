// SPDX-License-Identifier: Apache-2.0
//
// Bytes from the host on their way to readers: a buffer between a port, which forgets what it has handed
// over, and reads, which may want less than a port gives.
//
// Locks: a mutex (rank kInode) over the buffer. Counters are atomic, so that readiness can be told without.
#pragma once

#include <atomic>

#include "device/stream_port.h"
#include "io/file.h"
#include "io/terminal_requests.h"
#include "sched/mutex.h"

namespace mokapot {

// When a read is content.
struct ReadRule {
  bool lines = false;           // canonical: a line at most
  std::size_t minimum = 1;      // bytes to wait for; 0: whatever there is
  Duration time;                // with minimum 0 the wait for the first byte, else between bytes; zero: none
};

class ConsoleInput {
 public:
  ConsoleInput(StreamPort* port, bool ends_for_good) : port_(port), ends_for_good_(ends_for_good) {}

  Result<std::size_t> read(IoBuffer& into, const ReadRule& rule, bool non_blocking);
  // Bytes that can be read now (FIONREAD).
  std::size_t available();
  bool readable();
  bool ended() const { return taken() == end_at_.load(std::memory_order_acquire); }
  void set_end(std::uint64_t bytes);
  void discard();  // TCSETSF, TCFLSH
  StreamPort* port() { return port_; }

 private:
  static constexpr std::size_t kBufferSize = 4096;
  static constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

  std::uint64_t taken() const { return taken_.load(std::memory_order_acquire); }
  void fill_locked() REQUIRES(mutex_);
  Result<std::size_t> take_locked(IoBuffer& into, bool lines) REQUIRES(mutex_);
  WakeReason wait_for(std::size_t bytes, Instant deadline);

  StreamPort* const port_;  // null: no input, at its end
  const bool ends_for_good_;
  Mutex mutex_{LockRank::kInode};
  std::byte buffer_[kBufferSize] GUARDED_BY(mutex_);
  std::size_t head_ GUARDED_BY(mutex_) = 0;
  std::atomic<std::size_t> buffered_{0};         // written under mutex_
  std::atomic<std::uint64_t> taken_{0};          // by readers, since boot; written under mutex_
  std::atomic<std::uint64_t> end_at_{kNoEnd};
};

}  // namespace mokapot
