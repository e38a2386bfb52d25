// SPDX-License-Identifier: Apache-2.0
//
// A transmit queue of a virtio-net. A packet is a slot, which holds its header until the device has
// sent it, and a chain: of plain descriptors where they are few, else one that names a table of
// descriptors (VIRTIO_F_INDIRECT_DESC), of which there is a smaller number.
//
// Lock: none; the callers serialise all but handle_interrupt(), which touches the atomic flag
// alone, and notify(), which only tells the device and may run beside anything else.
// Invariant: a slot is free or belongs to one chain that the device has. Interrupts are asked for
// only while a caller waits for room.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "device/net_device.h"
#include "drivers/virtio.h"
#include "drivers/virtio_net_header.h"

namespace mokapot {

class NetTransmitQueue {
 public:
  static constexpr std::size_t kMaxSegments = 63;  // and the header: a table is 1 KiB

  enum class Indirect : std::uint8_t { kNo, kYes };
  // The device has the queue but does not run yet. kENOMEM.
  static Result<std::unique_ptr<NetTransmitQueue>> create(VirtioTransport& transport,
                                                          std::uint16_t index, OwnedQueue queue,
                                                          Indirect indirect);

  std::size_t max_segments() const { return max_segments_; }

  // kENOBUFS: full; handle_interrupt() is going to say when to try again. kEINVAL: no segment, or
  // too many. kEIO: the device has broken the protocol.
  Result<void> transmit(const NetTransmit& packet);
  bool publish() { return queue_.rings.publish(); }
  void notify() { transport_.notify(index_); }
  void reclaim();
  // The device has been reset: ends what it had.
  void abandon();
  bool broken() const { return queue_.rings.broken(); }

  // Interrupt context. True: there may be room for who waited.
  bool handle_interrupt() {
    return waiting_.load(std::memory_order_relaxed) &&
           waiting_.exchange(false, std::memory_order_acquire);
  }

 private:
  static constexpr std::size_t kTableEntries = kMaxSegments + 1;
  static constexpr std::size_t kFewSegments = 3;  // cheaper in plain descriptors than in a table
  static constexpr std::uint8_t kNoTable = 0xff;

  struct Slot {
    void (*done)(void* context) = nullptr;
    void* context = nullptr;
    bool busy = false;
    std::uint8_t table = kNoTable;
  };

  NetTransmitQueue(VirtioTransport& transport, std::uint16_t index, OwnedQueue queue)
      : transport_(transport), index_(index), queue_(std::move(queue)) {}

  template <std::size_t kCapacity>
  Result<void> add(const NetTransmit& packet, std::uint16_t slot);
  Result<void> add_chain(const NetTransmit& packet);
  bool prefers_table(std::size_t segments) const {
    return table_count_ != 0 && segments > kFewSegments;
  }
  void finish(std::uint16_t slot);

  VirtioTransport& transport_;
  const std::uint16_t index_;
  OwnedQueue queue_;
  DmaMemory headers_;  // one of each slot
  DmaMemory tables_;
  std::size_t max_segments_ = 0;
  unsigned table_count_ = 0;
  std::uint32_t free_tables_ = 0;  // a bit for each
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<std::uint16_t[]> free_slots_;  // a stack
  std::uint16_t free_slot_count_ = 0;
  std::uint16_t slot_count_ = 0;
  bool interrupts_on_ = false;
  std::atomic<bool> waiting_{false};
};

}  // namespace mokapot
