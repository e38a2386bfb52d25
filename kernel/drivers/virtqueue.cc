// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtqueue.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <new>

#include "arch/cpu.h"
#include "base/assert.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kDescriptorNext = 1;
constexpr std::uint16_t kDescriptorWrite = 2;
constexpr std::uint16_t kDescriptorIndirect = 4;
constexpr std::uint16_t kAvailableNoInterrupt = 1;
constexpr std::uint16_t kUsedNoNotify = 1;

constexpr std::size_t kUsedEntriesOffset = 4;
constexpr std::size_t kUsedEntrySize = 8;

constexpr std::size_t available_offset(std::uint16_t size) {
  return sizeof(VirtqDescriptor) * size;
}
constexpr std::size_t used_offset(std::uint16_t size) {
  // flags, index, entries, used_event; then 4-byte alignment.
  return align_up(available_offset(size) + sizeof(std::uint16_t) * (3u + size), 4);
}

// The device runs on another processor: both sides' fields are read and written as atomics.
std::uint16_t load_acquire(const std::uint8_t* field) {
  std::uint16_t& shared = *reinterpret_cast<std::uint16_t*>(const_cast<std::uint8_t*>(field));
  return std::atomic_ref<std::uint16_t>(shared).load(std::memory_order_acquire);
}
void store_release(std::uint16_t& field, std::uint16_t value) {
  std::atomic_ref<std::uint16_t>(field).store(value, std::memory_order_release);
}

std::uint16_t flags_of(const DmaBuffer& buffer) {
  return buffer.direction == DmaBuffer::Direction::kDeviceWrites ? kDescriptorWrite : 0;
}

// Whether moving an index from before to after passes the other side's event mark (2.7.7.1). All
// modulo 2^16.
bool passes_event(std::uint16_t event, std::uint16_t after, std::uint16_t before) {
  return static_cast<std::uint16_t>(after - event - 1) < static_cast<std::uint16_t>(after - before);
}

}  // namespace

std::size_t Virtqueue::memory_size(std::uint16_t size) {
  // flags, index, entries, available_event; then the alignment of whatever follows.
  return align_up(
      used_offset(size) + kUsedEntriesOffset + kUsedEntrySize * size + sizeof(std::uint16_t), 16);
}

Result<Virtqueue> Virtqueue::create(std::uint16_t size, void* memory, PhysAddr address,
                                    EventIndex event_index) {
  ASSERT(std::has_single_bit(size) && is_aligned(address.value(), 16));
  Virtqueue queue;
  queue.chains_.reset(new (std::nothrow) Chain[size]);
  if (queue.chains_ == nullptr) return Errno::kENOMEM;
  // SAFETY: memory has memory_size(size) bytes and holds nothing else.
  auto* base = static_cast<std::uint8_t*>(memory);
  queue.size_ = size;
  queue.event_index_ = event_index == EventIndex::kYes;
  queue.descriptors_ = reinterpret_cast<VirtqDescriptor*>(base);
  queue.available_ = reinterpret_cast<std::uint16_t*>(base + available_offset(size));
  queue.used_ = base + used_offset(size);
  queue.rings_ = {address, address + available_offset(size), address + used_offset(size)};
  for (std::uint16_t i = 0; i < size; ++i)
    queue.chains_[i].next = static_cast<std::uint16_t>(i + 1);
  queue.free_count_ = size;
  return queue;
}

std::uint16_t Virtqueue::used_flags() const { return load_acquire(used_); }
std::uint16_t Virtqueue::used_index() const { return load_acquire(used_ + 2); }
std::uint16_t Virtqueue::available_event() const {
  return load_acquire(used_ + kUsedEntriesOffset + kUsedEntrySize * size_);
}

void Virtqueue::push_available(std::uint16_t head, std::uint16_t count, std::uint32_t token) {
  chains_[head].token = token;
  chains_[head].count = count;
  available_entry(next_available_ & (size_ - 1)) = head;
  ++next_available_;
}

Result<void> Virtqueue::add(std::span<const DmaBuffer> buffers, std::uint32_t token) {
  ASSERT(!buffers.empty());
  if (broken_) return Errno::kEIO;
  if (buffers.size() > free_count_) return Errno::kENOSPC;
  const std::uint16_t head = free_head_;
  std::uint16_t last = head;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    last = free_head_;
    free_head_ = chains_[last].next;
    const bool more = i + 1 < buffers.size();
    descriptors_[last] = {
        buffers[i].address.value(), buffers[i].size,
        static_cast<std::uint16_t>(flags_of(buffers[i]) | (more ? kDescriptorNext : 0)),
        more ? free_head_ : std::uint16_t{0}};
  }
  free_count_ = static_cast<std::uint16_t>(free_count_ - buffers.size());
  push_available(head, static_cast<std::uint16_t>(buffers.size()), token);
  return {};
}

Result<void> Virtqueue::add_indirect(std::span<VirtqDescriptor> table, PhysAddr table_address,
                                     std::span<const DmaBuffer> buffers, std::uint32_t token) {
  ASSERT(!buffers.empty() && buffers.size() <= table.size());
  if (broken_) return Errno::kEIO;
  if (free_count_ == 0) return Errno::kENOSPC;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool more = i + 1 < buffers.size();
    table[i] = {buffers[i].address.value(), buffers[i].size,
                static_cast<std::uint16_t>(flags_of(buffers[i]) | (more ? kDescriptorNext : 0)),
                static_cast<std::uint16_t>(more ? i + 1 : 0)};
  }
  const std::uint16_t head = free_head_;
  free_head_ = chains_[head].next;
  --free_count_;
  descriptors_[head] = {table_address.value(),
                        static_cast<std::uint32_t>(buffers.size() * sizeof(VirtqDescriptor)),
                        kDescriptorIndirect, 0};
  push_available(head, 1, token);
  return {};
}

bool Virtqueue::publish() {
  const std::uint16_t before = shown_available_;
  if (before == next_available_) return false;
  // Release: descriptors and entries before the index that shows them.
  store_release(available_index(), next_available_);
  shown_available_ = next_available_;
  // The device looks for more work after it has set its mark; we look at its mark after we have
  // shown more. A full fence on either side, or both could miss the other.
  arch::device_barrier();
  if (event_index_) return passes_event(available_event(), next_available_, before);
  return (used_flags() & kUsedNoNotify) == 0;
}

bool Virtqueue::has_completions() const { return !broken_ && used_index() != next_used_; }

std::optional<Virtqueue::Completion> Virtqueue::take() {
  if (broken_) return std::nullopt;
  const std::uint16_t index = used_index();  // acquire: the entry and the buffers after it
  if (index == next_used_) return std::nullopt;
  // More completions than there can be chains: no device does that.
  if (static_cast<std::uint16_t>(index - next_used_) > size_) {
    broken_ = true;
    return std::nullopt;
  }
  std::uint32_t entry[2];  // head of the chain, bytes written
  std::memcpy(entry, used_ + kUsedEntriesOffset + kUsedEntrySize * (next_used_ & (size_ - 1)),
              sizeof(entry));
  if (entry[0] >= size_ || chains_[entry[0]].count == 0) {
    broken_ = true;
    return std::nullopt;
  }
  ++next_used_;
  const auto head = static_cast<std::uint16_t>(entry[0]);
  Chain& chain = chains_[head];
  std::uint16_t last = head;
  for (std::uint16_t i = 1; i < chain.count; ++i) last = chains_[last].next;
  chains_[last].next = free_head_;
  free_head_ = head;
  free_count_ = static_cast<std::uint16_t>(free_count_ + chain.count);
  chain.count = 0;
  return Completion{chain.token, entry[1]};
}

bool Virtqueue::enable_interrupt() {
  if (event_index_)
    store_release(used_event(), next_used_);
  else
    store_release(available_flags(), 0);
  // The mark before the look at the index, as in publish().
  arch::device_barrier();
  return broken_ || used_index() == next_used_;
}

void Virtqueue::disable_interrupt() {
  // A mark just behind is passed only after 65535 completions more.
  if (event_index_) {
    store_release(used_event(), static_cast<std::uint16_t>(next_used_ - 1));
  } else {
    store_release(available_flags(), kAvailableNoInterrupt);
  }
}

}  // namespace mokapot
