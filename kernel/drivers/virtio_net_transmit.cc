// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio_net_transmit.h"

#include <algorithm>
#include <bit>
#include <new>

namespace mokapot {

Result<std::unique_ptr<NetTransmitQueue>> NetTransmitQueue::create(VirtioTransport& transport,
                                                                   std::uint16_t index,
                                                                   OwnedQueue queue,
                                                                   Indirect indirect) {
  const std::uint16_t size = queue.rings.size();
  if (size < 2) return Errno::kENODEV;
  std::unique_ptr<NetTransmitQueue> made(
      new (std::nothrow) NetTransmitQueue(transport, index, std::move(queue)));
  if (made == nullptr) return Errno::kENOMEM;
  made->slots_.reset(new (std::nothrow) Slot[size]);
  made->free_slots_.reset(new (std::nothrow) std::uint16_t[size]);
  if (made->slots_ == nullptr || made->free_slots_ == nullptr) return Errno::kENOMEM;
  for (std::uint16_t i = 0; i < size; ++i)
    made->free_slots_[i] = static_cast<std::uint16_t>(size - 1 - i);
  made->slot_count_ = made->free_slot_count_ = size;
  made->headers_ = TRY(DmaMemory::allocate(size * sizeof(VirtioNetHeader)));
  made->max_segments_ = std::min<std::size_t>(kMaxSegments, size - 1u);
  if (indirect == Indirect::kYes) {
    // Large packets are fewer than small ones.
    made->table_count_ = std::clamp(size / 8u, 4u, 32u);
    made->free_tables_ = ~std::uint32_t{0} >> (32 - made->table_count_);
    made->tables_ = TRY(
        DmaMemory::allocate(made->table_count_ * kTableEntries * sizeof(VirtqDescriptor)));
    made->max_segments_ = kMaxSegments;
  }
  made->queue_.rings.disable_interrupt();
  return made;
}

template <std::size_t kCapacity>
Result<void> NetTransmitQueue::add(const NetTransmit& packet, std::uint16_t slot) {
  using Direction = DmaBuffer::Direction;
  DmaBuffer buffers[kCapacity];
  std::size_t count = 0;
  buffers[count++] = {headers_.address(slot * sizeof(VirtioNetHeader)), sizeof(VirtioNetHeader),
                      Direction::kDeviceReads};
  for (const PhysSegment& segment : packet.segments)
    buffers[count++] = {segment.address, segment.size, Direction::kDeviceReads};
  const std::span chain(buffers, count);
  if (!prefers_table(packet.segments.size()) || free_tables_ == 0)
    return queue_.rings.add(chain, slot);
  const auto table = static_cast<unsigned>(std::countr_zero(free_tables_));
  const std::uint64_t offset = table * kTableEntries * sizeof(VirtqDescriptor);
  const std::span entries(tables_.at<VirtqDescriptor>(offset), kTableEntries);
  TRY(queue_.rings.add_indirect(entries, tables_.address(offset), chain, slot));
  free_tables_ &= free_tables_ - 1;
  slots_[slot].table = static_cast<std::uint8_t>(table);
  return {};
}

Result<void> NetTransmitQueue::add_chain(const NetTransmit& packet) {
  if (free_slot_count_ == 0) return Errno::kENOSPC;
  const std::uint16_t slot = free_slots_[free_slot_count_ - 1];
  *headers_.at<VirtioNetHeader>(slot * sizeof(VirtioNetHeader)) = encode_net_header(packet.offload);
  // Most packets are short chains, for which no large array shall be cleared.
  TRY(packet.segments.size() <= kFewSegments ? add<kFewSegments + 1>(packet, slot)
                                             : add<kTableEntries>(packet, slot));
  --free_slot_count_;
  slots_[slot].done = packet.done;
  slots_[slot].context = packet.context;
  slots_[slot].busy = true;
  return {};
}

Result<void> NetTransmitQueue::transmit(const NetTransmit& packet) {
  if (packet.segments.empty() || packet.segments.size() > max_segments_) return Errno::kEINVAL;
  // Now and then all at once, and not with each packet.
  const bool wants_table = prefers_table(packet.segments.size()) && free_tables_ == 0;
  if (free_slot_count_ <= slot_count_ / 2 || wants_table) reclaim();
  while (true) {
    Result<void> added = add_chain(packet);
    if (added.ok() || added.error() != Errno::kENOSPC) return added;
    // What waits for a kick would never make room.
    if (publish()) notify();
    interrupts_on_ = true;
    waiting_.store(true, std::memory_order_release);
    if (queue_.rings.enable_interrupt()) {
      // True of a ring that has just broken, too, and nothing would ever come from that.
      if (queue_.rings.broken()) return Errno::kEIO;
      return Errno::kENOBUFS;
    }
    waiting_.store(false, std::memory_order_relaxed);
    reclaim();
  }
}

void NetTransmitQueue::reclaim() {
  while (const auto sent = queue_.rings.take()) finish(static_cast<std::uint16_t>(sent->token));
  // Who waits is told by the interrupt for what was just taken, and by no other.
  if (!interrupts_on_ || waiting_.load(std::memory_order_relaxed)) return;
  interrupts_on_ = false;
  queue_.rings.disable_interrupt();
}

void NetTransmitQueue::finish(std::uint16_t number) {
  Slot& slot = slots_[number];
  if (slot.table != kNoTable) free_tables_ |= 1u << std::exchange(slot.table, kNoTable);
  slot.busy = false;
  free_slots_[free_slot_count_++] = number;
  if (slot.done != nullptr) slot.done(slot.context);
}

void NetTransmitQueue::abandon() {
  for (std::uint16_t i = 0; i < slot_count_; ++i) {
    if (slots_[i].busy) finish(i);
  }
}

}  // namespace mokapot
