// SPDX-License-Identifier: Apache-2.0

#include "drivers/console_port.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mokapot {

ConsolePort::ConsolePort(VirtioTransport& transport, std::uint32_t id, std::uint16_t receive_queue,
                         std::uint16_t transmit_queue)
    : transport_(transport),
      id_(id),
      receive_queue_(receive_queue),
      transmit_queue_(transmit_queue) {}

void ConsolePort::set_queues(Virtqueue receive, Virtqueue transmit) {
  IrqSpinGuard guard(lock_);
  receive_ = std::move(receive);
  transmit_ = std::move(transmit);
  transmit_.disable_interrupt();
}

Result<void> ConsolePort::start_receiving() {
  DmaMemory memory = TRY(DmaMemory::allocate(kReceiveBuffers * kReceiveBufferSize));
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    receive_memory_ = std::move(memory);
    for (std::uint32_t i = 0; i < kReceiveBuffers; ++i) give_receive_buffer_locked(i);
    (void)receive_.enable_interrupt();
    notify = receive_.publish();
  }
  if (notify) transport_.notify(receive_queue_);
  return {};
}

void ConsolePort::set_name(const char* bytes, std::size_t size) {
  const std::size_t length = std::min(strnlen(bytes, size), sizeof(name_) - 1);
  std::memcpy(name_, bytes, length);
  name_[length] = '\0';
}

void ConsolePort::set_connected(bool connected) {
  connected_.store(connected, std::memory_order_release);
  if (connected) ever_connected_.store(true, std::memory_order_release);
  changed.wake_all();
}

void ConsolePort::handle_interrupt() {
  bool any = false;
  {
    IrqSpinGuard guard(lock_);
    any = receive_.has_completions() || transmit_.has_completions();
  }
  if (any) changed.wake_all();
}

// --- Host to guest ---

void ConsolePort::give_receive_buffer_locked(std::uint32_t buffer) {
  const DmaBuffer piece{receive_memory_.address(buffer * kReceiveBufferSize), kReceiveBufferSize,
                        DmaBuffer::Direction::kDeviceWrites};
  // There are more descriptors than buffers, so this fails only on a broken queue, which is at its
  // end anyway.
  (void)receive_.add(std::span(&piece, 1), buffer);
}

bool ConsolePort::find_input_locked() {
  while (current_ == kNone) {
    const auto filled = receive_.take();
    if (!filled) {
      if (receive_.enable_interrupt()) return false;
      continue;
    }
    // No more than the buffer holds, whatever the device says.
    current_size_ = std::min<std::size_t>(filled->written, kReceiveBufferSize);
    current_read_ = 0;
    if (current_size_ == 0)
      give_receive_buffer_locked(filled->token);
    else
      current_ = filled->token;
  }
  return true;
}

std::size_t ConsolePort::try_read(void* to, std::size_t size) {
  // SAFETY: any object may be looked at as bytes.
  auto* out = static_cast<std::uint8_t*>(to);
  std::size_t done = 0;
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    while (done < size && find_input_locked()) {
      const std::size_t piece = std::min(size - done, current_size_ - current_read_);
      const auto* from =
          receive_memory_.at<std::uint8_t>(current_ * kReceiveBufferSize + current_read_);
      std::memcpy(out + done, from, piece);
      done += piece;
      current_read_ += piece;
      if (current_read_ == current_size_) {
        give_receive_buffer_locked(current_);
        current_ = kNone;
      }
    }
    notify = receive_.publish();
  }
  if (notify) transport_.notify(receive_queue_);
  return done;
}

bool ConsolePort::can_read() {
  IrqSpinGuard guard(lock_);
  return find_input_locked();
}

// --- Guest to host ---

void ConsolePort::reclaim_transmitted_locked() {
  while (const auto sent = transmit_.take()) transmit_busy_ &= ~(1u << sent->token);
}

template <typename Satisfied>
bool ConsolePort::reclaim_until_locked(Satisfied satisfied) {
  while (true) {
    reclaim_transmitted_locked();
    if (satisfied()) return true;
    if (transmit_.enable_interrupt()) return false;
  }
}

std::uint32_t ConsolePort::find_transmit_buffer_locked() {
  if (!ever_connected_.load(std::memory_order_acquire)) return kNone;
  // Lowest first, so that a port that writes little has made few.
  const auto buffer = static_cast<std::uint32_t>(std::countr_one(transmit_busy_));
  if (buffer >= kTransmitBuffers) return kNone;
  if (transmit_memory_[buffer].size() == 0) {
    auto memory = DmaMemory::allocate(kPageSize);
    // Out of memory: the buffers that are there go round.
    if (!memory.ok()) return kNone;
    transmit_memory_[buffer] = memory.take();
  }
  return buffer;
}

std::size_t ConsolePort::try_write(const void* from, std::size_t size) {
  // SAFETY: any object may be looked at as bytes.
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  std::size_t done = 0;
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    std::uint32_t buffer = kNone;
    const auto found = [&]() REQUIRES(lock_) {
      buffer = find_transmit_buffer_locked();
      return buffer != kNone;
    };
    while (done < size && reclaim_until_locked(found)) {
      const std::size_t piece = std::min(size - done, kPageSize);
      std::memcpy(transmit_memory_[buffer].at<std::uint8_t>(), bytes + done, piece);
      const DmaBuffer chain{transmit_memory_[buffer].address(), static_cast<std::uint32_t>(piece),
                            DmaBuffer::Direction::kDeviceReads};
      if (!transmit_.add(std::span(&chain, 1), buffer).ok()) break;
      transmit_busy_ |= 1u << buffer;
      done += piece;
    }
    notify = transmit_.publish();
  }
  if (notify) transport_.notify(transmit_queue_);
  return done;
}

bool ConsolePort::can_write() {
  IrqSpinGuard guard(lock_);
  return reclaim_until_locked(
      [&]() REQUIRES(lock_) { return find_transmit_buffer_locked() != kNone; });
}

bool ConsolePort::drained() {
  IrqSpinGuard guard(lock_);
  return reclaim_until_locked([&]() REQUIRES(lock_) { return transmit_busy_ == 0; });
}

}  // namespace mokapot
