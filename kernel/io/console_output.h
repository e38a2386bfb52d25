// SPDX-License-Identifier: Apache-2.0
//
// One way out to the host. Output is copied from the application into a bounce buffer, since a port takes
// kernel memory. Writes are whole: the mutex (rank kInode) is held until all is handed to the port.
#pragma once

#include <atomic>

#include "device/stream_port.h"
#include "io/file.h"
#include "sched/mutex.h"

namespace mokapot {

class ConsoleOutput {
 public:
  explicit ConsoleOutput(StreamPort* port) : port_(port) {}

  // kEPIPE once the host has closed its end, kEAGAIN, kRestart.
  Result<std::size_t> write(IoBuffer& from, bool non_blocking);
  bool writable() { return port_ == nullptr || port_->can_write() || gone(); }
  // The host closed its end, as opposed to not having opened it yet.
  bool gone();
  // Waits until the host has taken everything; false at the deadline or if a signal came.
  bool drain(Instant deadline, Interruptible interruptible);
  StreamPort* port() { return port_; }

 private:
  static constexpr std::size_t kBounceSize = 16384;
  Result<std::size_t> send_locked(std::size_t size, bool non_blocking) REQUIRES(mutex_);

  StreamPort* const port_;  // null: output vanishes
  std::atomic<bool> was_connected_{false};
  Mutex mutex_{LockRank::kInode};
  std::byte bounce_[kBounceSize] GUARDED_BY(mutex_);
};

}  // namespace mokapot
