// SPDX-License-Identifier: Apache-2.0
#include "net/buffers.h"

#include <algorithm>
#include <utility>

#include "memory/frames.h"

namespace mokapot {
namespace {

constexpr std::size_t kLeastBuffer = 2048;

// A buffer and the page that it cites. The buffer comes first: lwIP knows that part only.
struct PageBuffer {
  pbuf_custom buffer;
  RefPtr<PageSource> source;
  PhysAddr frame;
};

// Any thread, whoever lets go last.
void free_page_buffer(pbuf* buffer) {
  // SAFETY: the buffer is the first member of a PageBuffer.
  std::unique_ptr<PageBuffer> page(reinterpret_cast<PageBuffer*>(buffer));
  page->source->release_frame(page->frame, false);
}

pbuf* buffer_of_page(PageSource& source, std::uint64_t offset, std::size_t size) {
  const Result<PhysAddr> frame = source.cached_frame_for_mapping(offset >> kPageShift);
  if (!frame.ok()) return nullptr;
  auto* page = new (std::nothrow) PageBuffer{{}, RefPtr<PageSource>(&source), frame.value()};
  if (page == nullptr) {
    source.release_frame(frame.value(), false);
    return nullptr;
  }
  page->buffer.custom_free_function = &free_page_buffer;
  auto* bytes = static_cast<std::byte*>(direct_map(page->frame)) + offset % kPageSize;
  const auto length = static_cast<u16_t>(size);
  return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &page->buffer, bytes, length);
}

}  // namespace

BufferChain buffers_of_pages(PageSource& source, std::uint64_t offset, std::size_t size) {
  BufferChain chain;
  pbuf* last = nullptr;
  while (chain.size < size) {
    const std::size_t piece = std::min(size - chain.size, kPageSize - (offset + chain.size) % kPageSize);
    pbuf* page = buffer_of_page(source, offset + chain.size, piece);
    if (page == nullptr) break;
    (last != nullptr ? last->next : chain.first) = page;
    last = page;
    chain.size += piece;
  }
  return chain;
}

Result<pbuf*> buffer_from(IoBuffer& from, std::size_t size, pbuf_layer layer) {
  pbuf* buffer = pbuf_alloc(layer, static_cast<u16_t>(size), PBUF_RAM);
  // Memory may be there in small pieces only: the page cache has the rest.
  while (buffer == nullptr && size > kLeastBuffer) {
    size /= 2;
    buffer = pbuf_alloc(layer, static_cast<u16_t>(size), PBUF_RAM);
  }
  if (buffer == nullptr) return Errno::kENOBUFS;
  const Result<std::size_t> copied = from.copy_out(buffer->payload, size);
  if (!copied.ok()) {
    pbuf_free(buffer);
    return copied.error();
  }
  buffer->len = buffer->tot_len = static_cast<u16_t>(copied.value());
  return buffer;
}

pbuf* datagram_buffers(std::size_t size, pbuf_layer layer) {
  constexpr std::size_t kHeaders = 256;  // of the buffer itself, and of the layers
  constexpr std::size_t kPiece = kPageSize - kHeaders;
  static_assert(sizeof(pbuf) + PBUF_TRANSPORT <= kHeaders);
  pbuf* first = pbuf_alloc(layer, static_cast<u16_t>(std::min(size, kPiece)), PBUF_RAM);
  if (first == nullptr) return nullptr;
  pbuf* last = first;
  for (std::size_t left = size - first->len; left != 0; left -= last->len) {
    last->next = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(std::min(left, kPiece)), PBUF_RAM);
    if (last->next == nullptr) {
      free_buffers(first);
      return nullptr;
    }
    last = last->next;
  }
  // From the end of the chain on; the pieces are few.
  std::size_t behind = size;
  for (pbuf* at = first; at != nullptr; behind -= at->len, at = at->next) at->tot_len = static_cast<u16_t>(behind);
  return first;
}

Result<pbuf*> datagram_from(IoBuffer& from, std::size_t size, pbuf_layer layer) {
  pbuf* const datagram = datagram_buffers(size, layer);
  if (datagram == nullptr) return Errno::kENOBUFS;
  for (pbuf* at = datagram; at != nullptr; at = at->next) {
    if (at->len == 0) continue;
    const Result<std::size_t> copied = from.copy_out(at->payload, at->len);
    if (copied.ok() && copied.value() == at->len) continue;
    pbuf_free(datagram);
    return Errno::kEFAULT;
  }
  return datagram;
}

Result<std::size_t> copy_datagram(const pbuf* datagram, std::size_t size, IoBuffer& into) {
  std::size_t moved = 0;
  for (const pbuf* at = datagram; at != nullptr && moved < size; at = at->next) {
    const std::size_t piece = std::min<std::size_t>(at->len, size - moved);
    const Result<std::size_t> copied = into.copy_in(at->payload, piece);
    if (!copied.ok() || copied.value() != piece) return Errno::kEFAULT;
    moved += piece;
  }
  return moved;
}

void free_buffers(pbuf* first) {
  while (first != nullptr) {
    pbuf* next = std::exchange(first->next, nullptr);
    pbuf_free(first);
    first = next;
  }
}

}  // namespace mokapot
