// SPDX-License-Identifier: Apache-2.0
//
// What the receiver is thought to have of each unacknowledged segment, and which ones are lost: marks in lwIP's
// segments and sums over them in the control block (tcp_recovery_state.h). Losses are told by time, after RFC 8985
// (RACK): a segment is lost when one that was sent later has arrived and it had as long, and a little more if the
// path has been seen to reorder. With RFC 6675's three segments above it the little more is nothing, while the path
// has not been seen to reorder.
//
// A segment is one packet on the wire, or as many as a device cuts it into (tcp_packets()), which come and are lost each
// on its own: a segment that the receiver has a part of is split or shortened, in whole packets. Counts are of packets.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "net/stack.h"

#include "lwip/priv/tcp_priv.h"

namespace mokapot {

namespace segment_mark {
inline constexpr std::uint8_t kSacked = 1;     // the receiver has it, and may still drop it
inline constexpr std::uint8_t kLost = 2;       // what was sent first
inline constexpr std::uint8_t kAgain = 4;      // a later copy is on its way
inline constexpr std::uint8_t kEverAgain = 8;  // who acknowledges it does not say which copy came (Karn)
}  // namespace segment_mark

namespace recovery_flag {
inline constexpr std::uint8_t kReorderTimer = 1;    // reorder_due means something
inline constexpr std::uint8_t kWindowLimited = 2;   // the congestion window held something back
inline constexpr std::uint8_t kNotSent = 4;         // the stack could not send: to be tried again
inline constexpr std::uint8_t kProbed = 8;          // a tail-loss probe is not answered yet
inline constexpr std::uint8_t kProbeWasCopy = 16;   // and it was a segment sent again
inline constexpr std::uint8_t kDuplicateSeen = 32;  // the current acknowledgement tells of a duplicate (RFC 2883)
inline constexpr std::uint8_t kDuplicateAck = 64;   // and is nothing but a duplicate itself
}  // namespace recovery_flag

inline std::uint32_t segment_begin(const tcp_seg& segment) { return lwip_ntohl(segment.tcphdr->seqno); }
inline std::uint32_t segment_size(const tcp_seg& segment) { return TCP_TCPLEN(&segment); }
inline std::uint32_t segment_end(const tcp_seg& segment) { return segment_begin(segment) + segment_size(segment); }

// Time as segments note it. Wraps.
inline std::uint32_t microseconds(Instant time) { return static_cast<std::uint32_t>(time.nanoseconds() / 1000); }

void mark_segment(tcp_pcb& pcb, tcp_seg& segment, std::uint8_t marks) REQUIRES(net_core_lock());
// Makes two of an unacknowledged segment, the first with so many bytes of its payload. False where that is not possible
// now, and where one of them would have none.
bool split_segment(tcp_pcb& pcb, tcp_seg& segment, std::uint32_t payload) REQUIRES(net_core_lock());
// Splits it so that it is a single packet.
inline void isolate_first_packet(tcp_pcb& pcb, tcp_seg& segment) REQUIRES(net_core_lock()) {
  (void)split_segment(pcb, segment, tcp_packet_payload(&pcb, &segment));
}
// The segment leaves the queue: it has been acknowledged.
void forget_segment(tcp_pcb& pcb, tcp_seg& segment) REQUIRES(net_core_lock());

// Notes what has arrived below `acknowledged` and in blocks. Blocks that are not above it and below what was sent
// count for nothing. note_acknowledged() returns the bytes that it has taken off the first segment that stays.
std::uint32_t note_acknowledged(tcp_pcb& pcb, std::uint32_t acknowledged, std::uint32_t now) REQUIRES(net_core_lock());
// Takes off the first segment what was acknowledged while somebody had its headers. Before it is split or sent again,
// or what the receiver has would be sent for good. The next acknowledgement tells lwIP (taken_off).
void take_off_acknowledged(tcp_pcb& pcb) REQUIRES(net_core_lock());
void note_blocks(tcp_pcb& pcb, std::uint32_t acknowledged, const tcp_sack_range* blocks, std::size_t count,
                 std::uint32_t now) REQUIRES(net_core_lock());

// Marks segments that must be lost by now. Sets kReorderTimer and reorder_due if others will be.
void detect_losses(tcp_pcb& pcb, std::uint32_t now) REQUIRES(net_core_lock());
// After a time-out: everything that the receiver has not got, and what it has if it went back on its word, which
// shows in the first segment (RFC 2018, 8).
void mark_all_lost(tcp_pcb& pcb) REQUIRES(net_core_lock());
// It was a mistake.
void mark_none_lost(tcp_pcb& pcb) REQUIRES(net_core_lock());

}  // namespace mokapot
