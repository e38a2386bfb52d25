// SPDX-License-Identifier: Apache-2.0
//
// lwIP's packet buffers (pbufs) as the sockets use them: memory that holds bytes from the moment they leave the
// application's memory until they are read or acknowledged. No lock: a buffer belongs to whoever holds it, and
// counting references is atomic. Thread context.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "vm/page_source.h"
#include "vm/user_access.h"

#include "lwip/pbuf.h"

namespace mokapot {

// The most that one buffer holds: a power of two of pages with its header, since larger blocks of the heap are.
inline constexpr std::size_t kMostBuffer = 65536 - 64;

// A buffer with up to size (at most kMostBuffer) bytes of from, advancing it; fewer where memory is short. kENOBUFS;
// kEFAULT if the first byte could not be read; what was read before a fault is in the buffer.
Result<pbuf*> buffer_from(IoBuffer& from, std::size_t size, pbuf_layer layer = PBUF_RAW);

// Buffers that cite a file's pages in the page cache, of which each holds its page, from offset on: as far as they are
// in memory, at most size bytes. first is null if the first page is not.
struct BufferChain {
  pbuf* first = nullptr;
  std::size_t size = 0;
};
BufferChain buffers_of_pages(PageSource& source, std::uint64_t offset, std::size_t size);

// Room for a datagram of size bytes, at most 65535, as a chain with a tot_len: no piece of it needs more than a frame.
// Null: no memory. The first has room for the headers below layer.
pbuf* datagram_buffers(std::size_t size, pbuf_layer layer);
// The same with the next size bytes of from. kENOBUFS, kEFAULT.
Result<pbuf*> datagram_from(IoBuffer& from, std::size_t size, pbuf_layer layer);
// Copies up to size bytes of such a chain; kEFAULT if not all of them.
Result<std::size_t> copy_datagram(const pbuf* datagram, std::size_t size, IoBuffer& into);

// Frees each buffer of a chain on its own: chains that sockets have joined have no meaningful tot_len.
void free_buffers(pbuf* first);

}  // namespace mokapot
