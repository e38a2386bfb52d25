// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio_net_receive.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "memory/frames.h"

namespace mokapot {

struct NetReceiveQueue::Buffer : NetBuffer {
  NetReceiveQueue* queue = nullptr;
  PhysAddr frames;
};

NetReceiveQueue::NetReceiveQueue(VirtioTransport& transport, NetDevice& device, std::uint16_t index,
                                 OwnedQueue queue, const Layout& layout)
    : transport_(transport),
      device_(device),
      index_(index),
      layout_(layout),
      queue_(std::move(queue)) {
  queue_.rings.disable_interrupt();
}

NetReceiveQueue::~NetReceiveQueue() {
  IrqSpinGuard guard(lock_);
  destroy_chain(free_);
  destroy_chain(assembly_.first);
  if (posted_ == nullptr) return;
  for (std::uint16_t i = 0; i < queue_.rings.size(); ++i) {
    if (posted_[i] != nullptr) destroy_buffer(posted_[i]);
  }
}

NetReceiveQueue& NetReceiveQueue::of(const NetBuffer& packet) {
  // SAFETY: every NetBuffer of this driver is the base of a Buffer.
  return *static_cast<const Buffer&>(packet).queue;
}

// --- Buffers -----------------------------------------------------------------------------------

Result<NetReceiveQueue::Buffer*> NetReceiveQueue::make_buffer() {
  std::unique_ptr<Buffer> buffer(new (std::nothrow) Buffer);
  if (buffer == nullptr) return Errno::kENOMEM;
  buffer->frames =
      TRY(allocate_frames(layout_.buffer_order, FrameUse::kDevice, FrameContents::kUninitialised));
  buffer->queue = this;
  buffer->device = &device_;
  return buffer.release();
}

void NetReceiveQueue::destroy_buffer(Buffer* buffer) {
  free_frames(buffer->frames, layout_.buffer_order);
  delete buffer;
}

void NetReceiveQueue::destroy_chain(NetBuffer* first) {
  while (first != nullptr) {
    auto* buffer = static_cast<Buffer*>(first);
    first = first->next;
    destroy_buffer(buffer);
  }
}

void NetReceiveQueue::put_free_locked(Buffer* buffer) {
  // More lie idle than a burst needs: the stack has held many, and gives them back.
  const std::size_t spare = queue_.rings.size() / 2 + free_tokens_;
  if (free_count_ >= spare) {
    --buffer_count_;
    return destroy_buffer(buffer);
  }
  buffer->next = free_;
  free_ = buffer;
  ++free_count_;
}

NetReceiveQueue::Buffer* NetReceiveQueue::take_free_locked() {
  if (free_ != nullptr) {
    Buffer* buffer = free_;
    free_ = static_cast<Buffer*>(buffer->next);
    --free_count_;
    return buffer;
  }
  if (buffer_count_ >= layout_.max_buffers) return nullptr;
  Result<Buffer*> made = make_buffer();
  if (!made.ok()) return nullptr;
  ++buffer_count_;
  return made.value();
}

bool NetReceiveQueue::post_locked(Buffer* buffer) {
  const std::uint16_t token = tokens_[free_tokens_ - 1];
  const DmaBuffer piece{buffer->frames, buffer_size(), DmaBuffer::Direction::kDeviceWrites};
  if (!queue_.rings.add(std::span(&piece, 1), token).ok()) return false;
  --free_tokens_;
  posted_[token] = buffer;
  return true;
}

bool NetReceiveQueue::refill_locked() {
  while (free_tokens_ > 0) {
    Buffer* buffer = take_free_locked();
    if (buffer == nullptr) break;
    if (!post_locked(buffer)) {  // broken
      put_free_locked(buffer);
      break;
    }
  }
  return queue_.rings.publish();
}

Result<void> NetReceiveQueue::start() {
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    const std::uint16_t size = queue_.rings.size();
    posted_.reset(new (std::nothrow) Buffer* [size] {});
    tokens_.reset(new (std::nothrow) std::uint16_t[size]);
    if (posted_ == nullptr || tokens_ == nullptr) return Errno::kENOMEM;
    // The lowest on top.
    for (std::uint16_t i = 0; i < size; ++i) tokens_[i] = static_cast<std::uint16_t>(size - 1 - i);
    free_tokens_ = size;
    armed_ = true;
    (void)queue_.rings.enable_interrupt();
    notify = refill_locked();
    if (buffer_count_ == 0) return Errno::kENOMEM;
  }
  if (notify) transport_.notify(index_);
  return {};
}

void NetReceiveQueue::release(NetBuffer* packet) {
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    while (packet != nullptr) {
      auto* buffer = static_cast<Buffer*>(packet);
      packet = packet->next;
      put_free_locked(buffer);
    }
    // A device that lies dry interrupts nobody, so that no poll() would come to fill it.
    const bool dry = free_tokens_ > queue_.rings.size() / 2;
    if (dry) notify = refill_locked();
  }
  if (notify) transport_.notify(index_);
}

// --- Packets -----------------------------------------------------------------------------------

bool NetReceiveQueue::handle_interrupt() {
  IrqSpinGuard guard(lock_);
  if (!armed_ || !queue_.rings.has_completions()) return false;
  armed_ = false;
  queue_.rings.disable_interrupt();
  return true;
}

bool NetReceiveQueue::rearm() {
  IrqSpinGuard guard(lock_);
  if (queue_.rings.enable_interrupt()) {
    armed_ = true;
    return true;
  }
  queue_.rings.disable_interrupt();
  return false;
}

std::size_t NetReceiveQueue::poll(std::span<NetBuffer*> packets) {
  std::size_t count = 0;
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    armed_ = false;  // a poll without an interrupt before it
    // Ends: no buffer goes back to the device before refill_locked().
    while (count < packets.size()) {
      const auto completion = queue_.rings.take();
      if (!completion) break;
      if (NetBuffer* packet = accept_locked(*completion)) packets[count++] = packet;
    }
    notify = refill_locked();
    if (queue_.rings.broken()) broken_.store(true, std::memory_order_relaxed);
  }
  if (notify) transport_.notify(index_);
  return count;
}

void NetReceiveQueue::begin_packet_locked(Buffer* buffer, std::uint32_t written) {
  assembly_ = {};
  if (written < sizeof(VirtioNetHeader) + kEthernetHeaderSize) return put_free_locked(buffer);
  // SAFETY: the header is at the start of the first buffer; all its values are fine to look at.
  std::memcpy(&assembly_.header, direct_map(buffer->frames), sizeof(VirtioNetHeader));
  const std::uint16_t buffers = layout_.mergeable ? assembly_.header.buffers : std::uint16_t{1};
  // Beyond the ring's size it cannot be; what follows is then taken for packets of their own, and
  // each of them is judged again.
  if (buffers == 0 || buffers > queue_.rings.size()) return put_free_locked(buffer);
  assembly_.missing = static_cast<std::uint16_t>(buffers - 1);
  assembly_.first = assembly_.last = buffer;
  buffer->data = static_cast<std::byte*>(direct_map(buffer->frames)) + sizeof(VirtioNetHeader);
  buffer->size = written - static_cast<std::uint32_t>(sizeof(VirtioNetHeader));
  assembly_.size = buffer->size;
}

void NetReceiveQueue::drop_packet_locked() {
  for (NetBuffer* piece = assembly_.first; piece != nullptr;) {
    auto* buffer = static_cast<Buffer*>(piece);
    piece = piece->next;
    put_free_locked(buffer);
  }
  assembly_.first = assembly_.last = nullptr;
}

NetBuffer* NetReceiveQueue::accept_locked(Virtqueue::Completion completion) {
  // SAFETY of the index: the token is our own, which the ring kept where the device cannot write.
  const auto token = static_cast<std::uint16_t>(completion.token);
  Buffer* buffer = std::exchange(posted_[token], nullptr);
  tokens_[free_tokens_++] = token;
  buffer->next = nullptr;
  const bool sensible = completion.written > 0 && completion.written <= buffer_size();
  if (assembly_.missing == 0) {
    begin_packet_locked(buffer, sensible ? completion.written : 0);
  } else {
    --assembly_.missing;
    assembly_.size += sensible ? completion.written : 0;
    if (assembly_.first == nullptr || !sensible || assembly_.size > kMaxFrameSize) {
      put_free_locked(buffer);
      drop_packet_locked();
    } else {
      buffer->data = static_cast<std::byte*>(direct_map(buffer->frames));
      buffer->size = completion.written;
      assembly_.last->next = buffer;
      assembly_.last = buffer;
    }
  }
  if (assembly_.missing != 0) return nullptr;
  if (assembly_.first != nullptr) {
    Result<NetOffload> offload = decode_net_header(assembly_.header, assembly_.size);
    if (offload.ok()) {
      assembly_.first->offload = offload.value();
      return std::exchange(assembly_.first, nullptr);
    }
    drop_packet_locked();
  }
  ++malformed_;
  return nullptr;
}

std::uint64_t NetReceiveQueue::malformed() {
  IrqSpinGuard guard(lock_);
  return malformed_;
}

}  // namespace mokapot
