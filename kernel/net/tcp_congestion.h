// SPDX-License-Identifier: Apache-2.0
//
// How much a connection may have on its way: NewReno's windows (RFC 5681, 6582), begun with ten segments (RFC 6928),
// and in an episode of losses proportional rate reduction (RFC 6937), which keeps sending while the window shrinks.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include <cstdint>

#include "net/tcp_scoreboard.h"

namespace mokapot {

// recovery.state.
enum class TcpRecoveryState : std::uint8_t { kOpen = 0, kRecovery, kTimedOut };

inline TcpRecoveryState recovery_state(const tcp_pcb& pcb) { return static_cast<TcpRecoveryState>(pcb.recovery.state); }

// Bytes on their way, as far as that is known.
std::uint32_t bytes_in_flight(const tcp_pcb& pcb) REQUIRES(net_core_lock());

// Losses have been noticed: once for all of what is outstanding.
void begin_recovery(tcp_pcb& pcb) REQUIRES(net_core_lock());
void begin_after_timeout(tcp_pcb& pcb) REQUIRES(net_core_lock());
// All of it has been acknowledged.
void end_episode(tcp_pcb& pcb) REQUIRES(net_core_lock());
// If what was acknowledged had only been late, as the timestamp tells (RFC 3522): the windows are what they were.
// For an acknowledgement that moved, before end_episode(). True: the episode is over.
bool undo_mistake(tcp_pcb& pcb) REQUIRES(net_core_lock());
// A segment was sent again.
void note_sent_again(tcp_pcb& pcb, std::uint32_t bytes, std::uint32_t packets) REQUIRES(net_core_lock());
// A probe repaired a loss that nobody else noticed.
void reduce_window(tcp_pcb& pcb) REQUIRES(net_core_lock());
// After each acknowledgement, once the losses are known.
void adjust_window(tcp_pcb& pcb) REQUIRES(net_core_lock());
// Nothing has been on its way for longer than a time-out: what the window said of the path is old (RFC 5681, 4.1).
void forget_window(tcp_pcb& pcb) REQUIRES(net_core_lock());

}  // namespace mokapot
