// SPDX-License-Identifier: Apache-2.0
//
// Bytes that TCP sends from where they lie. lwIP's tcp_write() without a copy asks its caller to keep the memory until
// it is acknowledged, which is not long enough: a segment that was sent twice may be acknowledged while the second
// copy still waits in a device's ring, in a queue for a neighbour's address, or in our own backlog. So what a segment
// cites holds a reference to the buffer that owns the bytes, and goes when nobody cites it any more.
//
// Lock: core lock. Contexts: thread; buffers are given up by any thread.
#pragma once

#include "net/stack.h"

#include "lwip/tcp.h"

namespace mokapot {

// tcp_write() of the bytes of one buffer (`buffer` alone, not what it is chained to), which stays the caller's.
// `flags`: TCP_WRITE_FLAG_MORE or none.
err_t tcp_write_buffer(tcp_pcb& pcb, pbuf& buffer, u8_t flags) REQUIRES(net_core_lock());

// The buffer that a citation cites, or the buffer itself. Citations of one buffer keep each other's bytes alive. No lock.
const pbuf& owner_of(const pbuf& buffer);

}  // namespace mokapot
