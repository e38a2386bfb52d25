// SPDX-License-Identifier: Apache-2.0
#include "net/buffers.h"

#include <utility>

namespace mokapot {

Result<pbuf*> buffer_from(IoBuffer& from, std::size_t size, pbuf_layer layer) {
  pbuf* buffer = pbuf_alloc(layer, static_cast<u16_t>(size), PBUF_RAM);
  if (buffer == nullptr) return Errno::kENOBUFS;
  const Result<std::size_t> copied = from.copy_out(buffer->payload, size);
  if (!copied.ok()) {
    pbuf_free(buffer);
    return copied.error();
  }
  buffer->len = buffer->tot_len = static_cast<u16_t>(copied.value());
  return buffer;
}

void free_buffers(pbuf* first) {
  while (first != nullptr) {
    pbuf* next = std::exchange(first->next, nullptr);
    pbuf_free(first);
    first = next;
  }
}

}  // namespace mokapot
