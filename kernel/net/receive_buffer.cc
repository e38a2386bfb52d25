// SPDX-License-Identifier: Apache-2.0
#include "net/receive_buffer.h"

#include <atomic>
#include <cstring>
#include <new>

#include "base/assert.h"

#include "lwip/pbuf.h"

namespace mokapot {
namespace {

struct Piece {
  pbuf_custom record;  // first: lwIP hands back its address
  NetBuffer* packet;   // the first piece
  std::atomic<std::uint32_t> pieces_in_use;  // the first piece's counts for all
};
static_assert(sizeof(Piece) <= sizeof(NetBuffer::receiver_area) && alignof(Piece) <= 16);

// SAFETY: wrap_received has made a Piece there, and it lives until the packet is released.
Piece& piece_of(NetBuffer& buffer) { return *std::launder(reinterpret_cast<Piece*>(buffer.receiver_area)); }

void let_go(pbuf* record) {
  // SAFETY: the record is the first member of a Piece.
  NetBuffer& packet = *reinterpret_cast<Piece*>(record)->packet;
  // Acquire-release: the device reuses the memory only after everyone has read it.
  if (piece_of(packet).pieces_in_use.fetch_sub(1, std::memory_order_acq_rel) == 1) packet.device->release(&packet);
}

pbuf* copy_of(const NetBuffer& packet, std::size_t skip) {
  const auto size = static_cast<u16_t>(packet.size - skip);
  pbuf* copy = pbuf_alloc(PBUF_RAW, size, PBUF_RAM);
  if (copy != nullptr) std::memcpy(copy->payload, packet.data + skip, size);
  return copy;
}

}  // namespace

pbuf* wrap_received(NetBuffer& packet, std::size_t skip) {
  ASSERT(packet.size >= skip);
  if (packet.next == nullptr && packet.size <= kCopiedUpTo) {
    if (pbuf* copy = copy_of(packet, skip); copy != nullptr) {
      packet.device->release(&packet);
      return copy;
    }
  }
  pbuf* first = nullptr;
  std::uint32_t count = 0;
  for (NetBuffer* buffer = &packet; buffer != nullptr; buffer = buffer->next) {
    Piece& piece = *new (buffer->receiver_area) Piece{.record = {}, .packet = &packet, .pieces_in_use = 0};
    const auto size = static_cast<u16_t>(buffer->size - skip);
    pbuf* record = pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &piece.record, buffer->data + skip, size);
    ASSERT(record != nullptr);
    piece.record.custom_free_function = let_go;
    if (first == nullptr) first = record;
    else pbuf_cat(first, record);
    skip = 0;
    ++count;
  }
  piece_of(packet).pieces_in_use.store(count, std::memory_order_relaxed);
  return first;
}

}  // namespace mokapot
