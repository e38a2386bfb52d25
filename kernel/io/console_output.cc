// SPDX-License-Identifier: Apache-2.0
#include "io/console_output.h"

#include <algorithm>

namespace mokapot {

bool ConsoleOutput::gone() {
  if (port_ == nullptr) return false;
  if (port_->host_connected()) {
    was_connected_.store(true, std::memory_order_relaxed);
    return false;
  }
  return was_connected_.load(std::memory_order_relaxed);
}

// Sends what is in the bounce buffer; less than all of it only if the way is full and waiting is not
// wanted or is interrupted.
Result<std::size_t> ConsoleOutput::send_locked(std::size_t size, bool non_blocking) {
  std::size_t sent = 0;
  while (sent < size) {
    if (gone()) return Errno::kEPIPE;
    const std::size_t count = port_->try_write(bounce_ + sent, size - sent);
    sent += count;
    if (count != 0) continue;
    if (non_blocking) break;
    if (wait_until(port_->changed, Instant::never(), Interruptible::kYes,
                   [this] { return writable(); }) != WakeReason::kWoken) {
      if (sent == 0) return Errno::kRestart;
      break;
    }
  }
  if (sent == 0) return Errno::kEAGAIN;
  return sent;
}

Result<std::size_t> ConsoleOutput::write(IoBuffer& from, bool non_blocking) {
  MutexGuard guard(mutex_);
  std::size_t total = 0;
  while (from.remaining() > 0) {
    const std::size_t wanted = std::min(from.remaining(), kBounceSize);
    Result<std::size_t> moved = from.copy_out(bounce_, wanted);
    const std::size_t copied = moved.ok() ? moved.value() : 0;
    if (moved.ok() && port_ != nullptr) moved = send_locked(copied, non_blocking);
    if (!moved.ok()) {
      if (total != 0) break;
      return moved.error();
    }
    total += moved.value();
    if (moved.value() < wanted) break;
  }
  return total;
}

bool ConsoleOutput::drain(Instant deadline, Interruptible interruptible) {
  if (port_ == nullptr) return true;
  return wait_until(port_->changed, deadline, interruptible,
                    [this] { return port_->drained() || gone(); }) == WakeReason::kWoken;
}

}  // namespace mokapot
