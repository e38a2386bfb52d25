// SPDX-License-Identifier: Apache-2.0
#include "net/cited_buffer.h"

#include <memory>
#include <new>

namespace mokapot {
namespace {

// lwIP knows the first member only.
struct Citation {
  pbuf_custom buffer;
  pbuf* owner;
};

// Whose bytes tcp_write() is being given; core lock.
constinit pbuf* owner_of_written = nullptr;

void free_citation(pbuf* buffer);

pbuf* cite(pbuf& owner, const void* bytes, u16_t size) {
  auto* citation = new (std::nothrow) Citation{{}, &owner};
  if (citation == nullptr) return nullptr;
  citation->buffer.custom_free_function = &free_citation;
  pbuf_ref(&owner);
  // SAFETY: nobody writes to a buffer of this type, which says that the memory neither moves nor changes, so that devices
  // may cite it, too.
  return pbuf_alloced_custom(PBUF_RAW, size, PBUF_ROM, &citation->buffer, const_cast<void*>(bytes), size);
}

void free_citation(pbuf* buffer) {
  // SAFETY: the buffer is the first member of a Citation.
  const std::unique_ptr<Citation> citation(reinterpret_cast<Citation*>(buffer));
  pbuf_free(citation->owner);
}

}  // namespace

err_t tcp_write_buffer(tcp_pcb& pcb, pbuf& buffer, u8_t flags) {
  owner_of_written = &buffer;
  const err_t error = tcp_write(&pcb, buffer.payload, buffer.len, flags);
  owner_of_written = nullptr;
  return error;
}

const pbuf& owner_of(const pbuf& buffer) {
  if ((buffer.flags & PBUF_FLAG_IS_CUSTOM) == 0) return buffer;
  // SAFETY: the flag says that the buffer is the first member of a pbuf_custom, and the function that it is a Citation's.
  if (reinterpret_cast<const pbuf_custom&>(buffer).custom_free_function != &free_citation) return buffer;
  return *reinterpret_cast<const Citation&>(buffer).owner;
}

}  // namespace mokapot

using namespace mokapot;

extern "C" pbuf* mokapot_tcp_cite(const void* bytes, u16_t size) NO_THREAD_SAFETY_ANALYSIS {
  if (owner_of_written == nullptr) {
    pbuf* buffer = pbuf_alloc(PBUF_RAW, size, PBUF_ROM);
    // SAFETY: nobody writes to a buffer of this type.
    if (buffer != nullptr) buffer->payload = const_cast<void*>(bytes);
    return buffer;
  }
  return cite(*owner_of_written, bytes, size);
}

extern "C" pbuf* mokapot_tcp_cite_rest(pbuf* buffer, u16_t offset) {
  // SAFETY: only references to the owner are counted.
  pbuf& owner = const_cast<pbuf&>(owner_of(*buffer));
  return cite(owner, static_cast<const std::byte*>(buffer->payload) + offset, static_cast<u16_t>(buffer->len - offset));
}
