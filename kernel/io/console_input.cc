// SPDX-License-Identifier: Apache-2.0
#include "io/console_input.h"

#include <algorithm>

#include "time/clock.h"

namespace mokapot {

void ConsoleInput::fill_locked() {
  if (port_ == nullptr) return;
  std::size_t buffered = buffered_.load(std::memory_order_relaxed);
  while (buffered < kBufferSize) {
    const std::size_t tail = (head_ + buffered) % kBufferSize;
    const std::size_t room = std::min(kBufferSize - buffered, kBufferSize - tail);
    const std::size_t count = port_->try_read(&buffer_[tail], room);
    if (count == 0) break;
    buffered += count;
  }
  buffered_.store(buffered, std::memory_order_release);
}

Result<std::size_t> ConsoleInput::take_locked(IoBuffer& into, bool lines) {
  std::size_t wanted = std::min(buffered_.load(std::memory_order_relaxed), into.remaining());
  // What came after an end of input (a terminal's Ctrl-D) is for later reads.
  wanted = static_cast<std::size_t>(
      std::min<std::uint64_t>(wanted, end_at_.load(std::memory_order_acquire) - taken()));
  if (lines) {
    for (std::size_t i = 0; i < wanted; ++i) {
      if (buffer_[(head_ + i) % kBufferSize] == std::byte{'\n'}) {
        wanted = i + 1;
        break;
      }
    }
  }
  std::size_t moved = 0;
  Errno error{};
  while (moved < wanted) {
    const std::size_t piece = std::min(wanted - moved, kBufferSize - head_);
    Result<std::size_t> copied = into.copy_in(&buffer_[head_], piece);
    if (!copied.ok()) {
      error = copied.error();
      break;
    }
    const std::size_t count = copied.take();
    head_ = (head_ + count) % kBufferSize;
    moved += count;
    if (count < piece) break;
  }
  buffered_.fetch_sub(moved, std::memory_order_release);
  taken_.fetch_add(moved, std::memory_order_release);
  if (moved == 0 && wanted != 0) return error;
  return moved;
}

WakeReason ConsoleInput::wait_for(std::size_t bytes, Instant deadline) {
  // What the port still holds is not counted, so more than one byte is waited for in steps.
  const std::size_t before = buffered_.load(std::memory_order_acquire);
  return wait_until(port_->changed, deadline, Interruptible::kYes, [&] {
    const std::size_t buffered = buffered_.load(std::memory_order_acquire);
    return buffered >= bytes || buffered != before || ended() || port_->can_read();
  });
}

Result<std::size_t> ConsoleInput::read(IoBuffer& into, const ReadRule& rule, bool non_blocking) {
  if (into.remaining() == 0 || port_ == nullptr) return std::size_t{0};
  const std::size_t least = std::min({rule.minimum, into.remaining(), kBufferSize});
  const bool timed = rule.time > Duration();
  Instant deadline = timed && least == 0 ? now() + rule.time : Instant::never();
  std::size_t seen = 0;
  bool late = false;
  while (true) {
    {
      MutexGuard guard(mutex_);
      fill_locked();
      const std::size_t buffered = buffered_.load(std::memory_order_relaxed);
      if (buffered != seen && timed && least != 0) deadline = now() + rule.time;  // between two bytes
      seen = buffered;
      if (ended()) {
        if (!ends_for_good_) end_at_.store(kNoEnd, std::memory_order_release);
        return std::size_t{0};
      }
      const bool content = buffered != 0 && (rule.lines || buffered >= least || late || non_blocking ||
                                             taken() + buffered >= end_at_.load());
      if (content) return take_locked(into, rule.lines);
      if (least == 0 && (!timed || late)) return std::size_t{0};
    }
    if (non_blocking) return Errno::kEAGAIN;
    const WakeReason reason = wait_for(std::max<std::size_t>(least, 1), deadline);
    if (reason == WakeReason::kInterrupted) return Errno::kRestart;
    late = reason == WakeReason::kTimedOut;
  }
}

std::size_t ConsoleInput::available() {
  MutexGuard guard(mutex_);
  fill_locked();
  return buffered_.load(std::memory_order_relaxed);
}

bool ConsoleInput::readable() {
  return port_ == nullptr || buffered_.load(std::memory_order_acquire) != 0 || ended() || port_->can_read();
}

void ConsoleInput::set_end(std::uint64_t bytes) {
  end_at_.store(bytes, std::memory_order_release);
  if (port_ != nullptr) port_->changed.wake_all();
}

void ConsoleInput::discard() {
  MutexGuard guard(mutex_);
  fill_locked();
  taken_.fetch_add(buffered_.exchange(0, std::memory_order_acq_rel), std::memory_order_release);
  head_ = 0;
}

}  // namespace mokapot
