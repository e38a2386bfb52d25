// SPDX-License-Identifier: Apache-2.0
//
// Losses of TCP connections: when segments are sent again, in place of lwIP's own fast retransmission and time-outs.
// Holes that SACK shows are filled as far as the window allows (RFC 6675, 8985); for receivers without it duplicates
// are counted (RFC 6582). A tail that is not acknowledged is probed before the time-out (RFC 8985, 7). The time-out is
// Linux's: RFC 6298's with a least variance of 200 ms.
//
// lwIP calls in through tcp_recovery_state.h. What is sent again stays in lwIP's queue of unacknowledged segments.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include "base/types.h"
#include "net/stack.h"

#include "lwip/tcp.h"

namespace mokapot {

// The network thread: what is due. Returns when to call again.
Instant run_tcp_recovery(Instant now) REQUIRES(net_core_lock());
// The same without doing anything; any lock, may be late.
Instant next_tcp_recovery();

// With the doublings since the last acknowledgement.
std::uint32_t retransmission_timeout_us(const tcp_pcb& pcb) REQUIRES(net_core_lock());

}  // namespace mokapot
