// SPDX-License-Identifier: Apache-2.0
//
// A split virtqueue (virtio 1.2, section 2.7): the one implementation, for every device and
// transport. It knows rings and nothing of devices: the owner notifies when publish() says so.
//
// Lock: none of its own; the owner's device lock covers every call.
// Invariants: a descriptor is on the free list or belongs to exactly one chain in flight. What the
// device writes (the used ring) is checked before use; nonsense makes the queue broken(), and it
// stays so until the owner has reset the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

// Layouts given by the specification; all little-endian.
struct VirtqDescriptor {
  std::uint64_t address;
  std::uint32_t size;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(VirtqDescriptor) == 16);

// A piece of memory for a chain. Those that the device reads come before those that it writes.
struct DmaBuffer {
  enum class Direction : std::uint8_t { kDeviceReads, kDeviceWrites };
  PhysAddr address;
  std::uint32_t size;
  Direction direction;
};

class Virtqueue {
 public:
  // Memory that the rings of a queue need, 16-byte aligned and zeroed. size is a power of two.
  static std::size_t memory_size(std::uint16_t size);
  // Where the rings lie, for the transport.
  struct Rings {
    PhysAddr descriptors, available, used;
  };

  Virtqueue() = default;
  Virtqueue(Virtqueue&&) = default;
  Virtqueue& operator=(Virtqueue&&) = default;
  // memory stays the caller's and outlives the queue. kENOMEM.
  enum class EventIndex : std::uint8_t { kNo, kYes };  // VIRTIO_F_EVENT_IDX negotiated
  static Result<Virtqueue> create(std::uint16_t size, void* memory, PhysAddr address,
                                  EventIndex event_index);

  std::uint16_t size() const { return size_; }
  Rings rings() const { return rings_; }
  std::uint16_t free_descriptors() const { return free_count_; }
  bool broken() const { return broken_; }

  // Adds a chain; token comes back with its completion. kENOSPC: too few free descriptors.
  Result<void> add(std::span<const DmaBuffer> buffers, std::uint32_t token);
  // The same in one descriptor, by way of a table that the caller keeps until completion and that
  // has room for all buffers (VIRTIO_F_INDIRECT_DESC).
  Result<void> add_indirect(std::span<VirtqDescriptor> table, PhysAddr table_address,
                            std::span<const DmaBuffer> buffers, std::uint32_t token);
  // Shows the device what was added since the last call. True: it wants to be notified.
  bool publish();

  struct Completion {
    std::uint32_t token;
    std::uint32_t written;  // bytes; what the device says, so check it against the buffers' size
  };
  // The next chain that the device is done with, in its order.
  std::optional<Completion> take();
  bool has_completions() const;

  // Asks for an interrupt at the next completion. False if there is one already, and none may come
  // for it.
  bool enable_interrupt();
  void disable_interrupt();  // a hint: one may still come

 private:
  struct Chain {
    std::uint32_t token = 0;
    std::uint16_t next = 0;  // of a descriptor: the one behind it, in its chain or on the free list
    std::uint16_t count =
        0;  // of a chain's head: its descriptors; 0 if this heads nothing in flight
  };

  // Pointers into the shared rings.
  std::uint16_t& available_flags() const { return available_[0]; }
  std::uint16_t& available_index() const { return available_[1]; }
  std::uint16_t& available_entry(std::uint16_t i) const { return available_[2 + i]; }
  std::uint16_t& used_event() const { return available_[2 + size_]; }
  std::uint16_t used_flags() const;
  std::uint16_t used_index() const;
  std::uint16_t available_event() const;

  void push_available(std::uint16_t head, std::uint16_t count, std::uint32_t token);

  std::uint16_t size_ = 0;
  bool event_index_ = false;
  bool broken_ = false;
  Rings rings_{};
  VirtqDescriptor* descriptors_ = nullptr;
  std::uint16_t* available_ = nullptr;  // flags, index, entries..., used_event
  std::uint8_t* used_ =
      nullptr;  // flags, index (16 bits each), entries of two words, available_event
  std::unique_ptr<Chain[]> chains_;  // our own record, which the device cannot touch
  std::uint16_t free_head_ = 0;
  std::uint16_t free_count_ = 0;
  std::uint16_t next_available_ = 0;   // index that publish() will show
  std::uint16_t shown_available_ = 0;  // index that the device sees
  std::uint16_t next_used_ = 0;        // first completion not yet taken
};

}  // namespace mokapot
