// SPDX-License-Identifier: Apache-2.0
//
// A receive queue of a virtio-net: its ring, and the buffers that go round between device and
// stack.
//
// A buffer is frames and a record (NetBuffer) that stays with them. Buffers come back through
// release() and go out again without a look at the frame allocator; only while the stack holds many
// are more made, up to a limit, and freed when they come back.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off. The receiver is called without it.
// Invariants: a buffer is posted (with the device, or in the used ring), part of the packet being
// put together, free, or with the stack. While armed_, the device interrupts and nobody polls; the
// interrupt that ends it tells the receiver, once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "device/net_device.h"
#include "drivers/virtio.h"
#include "drivers/virtio_net_header.h"
#include "sync/spinlock.h"

namespace mokapot {

class NetReceiveQueue {
 public:
  struct Layout {
    unsigned buffer_order = 0;    // frames of a buffer, as a power of two
    bool mergeable = false;       // a packet may take several buffers
    std::size_t max_buffers = 0;  // in all, those that the stack holds included
  };

  // The device has the queue but does not run yet.
  NetReceiveQueue(VirtioTransport& transport, NetDevice& device, std::uint16_t index,
                  OwnedQueue queue, const Layout& layout);
  // The device has been reset, and the stack has given back all packets.
  ~NetReceiveQueue();
  NetReceiveQueue(const NetReceiveQueue&) = delete;
  NetReceiveQueue& operator=(const NetReceiveQueue&) = delete;

  // Once, when the device runs: makes the buffers, as many as memory allows, and lets it interrupt.
  // kENOMEM: not a single one.
  Result<void> start();

  // Interrupt context. True: the receiver is to be told.
  bool handle_interrupt();
  std::size_t poll(std::span<NetBuffer*> packets);
  bool rearm();
  void release(NetBuffer* packet);

  // The device has written nonsense into the ring, as poll() saw; it is to be reset.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }
  std::uint64_t malformed();  // packets that made no sense and were dropped, since boot

  static NetReceiveQueue& of(const NetBuffer& packet);

 private:
  struct Buffer;

  Result<Buffer*> make_buffer();
  void destroy_buffer(Buffer* buffer);
  void destroy_chain(NetBuffer* first);
  void put_free_locked(Buffer* buffer) REQUIRES(lock_);
  Buffer* take_free_locked() REQUIRES(lock_);
  bool post_locked(Buffer* buffer) REQUIRES(lock_);
  // Gives the device what it lacks; true: it is to be notified.
  bool refill_locked() REQUIRES(lock_);
  // Takes one filled buffer; returns the packet if it is the last one of it.
  NetBuffer* accept_locked(Virtqueue::Completion completion) REQUIRES(lock_);
  void begin_packet_locked(Buffer* buffer, std::uint32_t written) REQUIRES(lock_);
  void drop_packet_locked() REQUIRES(lock_);
  std::uint32_t buffer_size() const {
    return static_cast<std::uint32_t>(kPageSize << layout_.buffer_order);
  }

  VirtioTransport& transport_;
  NetDevice& device_;
  const std::uint16_t index_;
  const Layout layout_;

  std::atomic<bool> broken_{false};

  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
  bool armed_ GUARDED_BY(lock_) = false;
  std::unique_ptr<Buffer*[]> posted_ GUARDED_BY(lock_);        // by the token of their chain
  std::unique_ptr<std::uint16_t[]> tokens_ GUARDED_BY(lock_);  // a stack of those not in use
  std::uint16_t free_tokens_ GUARDED_BY(lock_) = 0;
  Buffer* free_ GUARDED_BY(lock_) = nullptr;
  std::size_t free_count_ GUARDED_BY(lock_) = 0;
  std::size_t buffer_count_ GUARDED_BY(lock_) = 0;  // in all
  std::uint64_t malformed_ GUARDED_BY(lock_) = 0;

  // The packet being put together. Its buffers may come in more than one look at the ring.
  struct Assembly {
    Buffer* first = nullptr;  // nullptr although pieces are missing: they are thrown away
    Buffer* last = nullptr;
    std::uint32_t size = 0;
    std::uint16_t missing = 0;  // buffers still to come
    VirtioNetHeader header{};
  };
  Assembly assembly_ GUARDED_BY(lock_);
};

}  // namespace mokapot
