// SPDX-License-Identifier: Apache-2.0
//
// One port of a virtio-console: two virtqueues and their buffers.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off, for both queues and their buffers. Each end is
// woken through StreamPort::changed, without the lock. Invariants: a receive buffer is with the
// device, or has been filled and waits in the used ring, or is current_. A transmit buffer is with
// the device or free. Interrupts are asked for only by whoever found that he cannot go on: a busy
// stream has none.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "device/stream_port.h"
#include "drivers/virtio.h"
#include "sync/spinlock.h"

namespace mokapot {

class ConsolePort final : public StreamPort {
 public:
  static constexpr std::uint16_t kQueueSize = 16;

  ConsolePort(VirtioTransport& transport, std::uint32_t id, std::uint16_t receive_queue,
              std::uint16_t transmit_queue);

  // Takes over the rings, which the transport has; the device need not run yet.
  void set_queues(Virtqueue receive, Virtqueue transmit);
  // Gives the device buffers to receive into; kENOMEM. The device runs.
  Result<void> start_receiving();

  std::uint32_t id() const { return id_; }
  bool named() const { return name_[0] != '\0'; }
  // Once, before the port is registered. What does not fit is cut off.
  void set_name(const char* bytes, std::size_t size);
  void set_connected(bool connected);
  // Interrupt context: wakes whoever waits, if anything has come back from the device.
  void handle_interrupt();

  const char* name() const override { return name_; }
  std::size_t try_write(const void* from, std::size_t size) override;
  std::size_t try_read(void* to, std::size_t size) override;
  bool can_read() override;
  bool can_write() override;
  bool drained() override;
  bool host_connected() override { return connected_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kReceiveBuffers = 4;
  static constexpr std::size_t kReceiveBufferSize = kPageSize / kReceiveBuffers;
  static constexpr std::size_t kTransmitBuffers =
      kQueueSize;  // a page each, made when first needed
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The filled buffer that is read next, in current_; false if there is none.
  bool find_input_locked() REQUIRES(lock_);
  void give_receive_buffer_locked(std::uint32_t buffer) REQUIRES(lock_);
  // A free transmit buffer; kNone if all are with the device or there is no memory.
  std::uint32_t find_transmit_buffer_locked() REQUIRES(lock_);
  void reclaim_transmitted_locked() REQUIRES(lock_);
  // As above, and if nothing came back, asks for an interrupt when something does.
  template <typename Satisfied>
  bool reclaim_until_locked(Satisfied satisfied) REQUIRES(lock_);

  VirtioTransport& transport_;
  const std::uint32_t id_;
  const std::uint16_t receive_queue_, transmit_queue_;
  char name_[32] = {};  // constant once registered
  std::atomic<bool> connected_{false};
  // Before the host opened its end for the first time it would throw away what we send.
  std::atomic<bool> ever_connected_{false};

  SpinLock lock_{LockRank::kDeviceQueue};
  Virtqueue receive_ GUARDED_BY(lock_);
  Virtqueue transmit_ GUARDED_BY(lock_);
  DmaMemory receive_memory_ GUARDED_BY(lock_);
  std::uint32_t current_ GUARDED_BY(lock_) = kNone;
  std::size_t current_size_ GUARDED_BY(lock_) = 0;
  std::size_t current_read_ GUARDED_BY(lock_) = 0;
  DmaMemory transmit_memory_[kTransmitBuffers] GUARDED_BY(lock_);
  std::uint32_t transmit_busy_ GUARDED_BY(lock_) = 0;  // a bit for each buffer with the device
};

}  // namespace mokapot
