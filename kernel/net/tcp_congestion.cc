// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_congestion.h"

#include <algorithm>

#include "lwip/sys.h"

namespace mokapot {
namespace {

void set_threshold(tcp_pcb& pcb) {
  const std::uint32_t outstanding = pcb.snd_nxt - pcb.lastack;
  pcb.ssthresh = std::max(std::min(pcb.cwnd, outstanding) / 2, 2u * pcb.mss);
}

void set_state(tcp_pcb& pcb, TcpRecoveryState state) { pcb.recovery.state = static_cast<std::uint8_t>(state); }

void remember_windows(tcp_pcb& pcb) {
  pcb.recovery.undo_window = pcb.cwnd;
  pcb.recovery.undo_threshold = pcb.ssthresh;
  pcb.recovery.loss_began = 0;
}

// RFC 6937, with the slow-start bound.
void reduce_proportionally(tcp_pcb& pcb) REQUIRES(net_core_lock()) {
  mokapot_tcp_recovery& state = pcb.recovery;
  const std::uint32_t flight = bytes_in_flight(pcb);
  state.loss_delivered += state.delivered;
  std::int64_t may_send = 0;
  if (flight > pcb.ssthresh) {
    const std::uint64_t due = (std::uint64_t{state.loss_delivered} * pcb.ssthresh + state.loss_flight - 1) / state.loss_flight;
    may_send = static_cast<std::int64_t>(due) - state.loss_sent;
  } else {
    const std::int64_t owed = std::int64_t{state.loss_delivered} - state.loss_sent;
    may_send = std::min<std::int64_t>(pcb.ssthresh - flight, std::max<std::int64_t>(owed, state.delivered) + pcb.mss);
  }
  // The first segment that is sent again goes out whatever the window says.
  if (state.loss_sent == 0) may_send = std::max<std::int64_t>(may_send, pcb.mss);
  pcb.cwnd = flight + static_cast<std::uint32_t>(std::max<std::int64_t>(may_send, 0));
}

// Only a window that is used has been shown to fit.
void grow(tcp_pcb& pcb) {
  mokapot_tcp_recovery& state = pcb.recovery;
  if (state.acknowledged == 0) return;
  const bool limited = (state.flags & recovery_flag::kWindowLimited) != 0;
  state.flags &= static_cast<std::uint8_t>(~recovery_flag::kWindowLimited);
  if (!limited && recovery_state(pcb) == TcpRecoveryState::kOpen) return;
  if (pcb.cwnd < pcb.ssthresh) {
    // RFC 3465: after a time-out an acknowledgement may cover much that arrived long ago.
    const std::uint32_t most = recovery_state(pcb) == TcpRecoveryState::kOpen ? state.acknowledged : 2u * pcb.mss;
    TCP_WND_INC(pcb.cwnd, std::min(state.acknowledged, most));
    return;
  }
  TCP_WND_INC(pcb.bytes_acked, state.acknowledged);
  while (pcb.bytes_acked >= pcb.cwnd) {
    pcb.bytes_acked -= pcb.cwnd;
    TCP_WND_INC(pcb.cwnd, pcb.mss);
  }
}

}  // namespace

std::uint32_t bytes_in_flight(const tcp_pcb& pcb) {
  return pcb.recovery.in_flight - std::min(pcb.recovery.in_flight, pcb.recovery.guessed);
}

void begin_recovery(tcp_pcb& pcb) {
  mokapot_tcp_recovery& state = pcb.recovery;
  remember_windows(pcb);
  set_threshold(pcb);
  state.loss_flight = std::max(pcb.snd_nxt - pcb.lastack, 1u);
  state.loss_delivered = state.loss_sent = 0;
  state.recover = pcb.snd_nxt;
  pcb.bytes_acked = 0;
  set_state(pcb, TcpRecoveryState::kRecovery);
}

void begin_after_timeout(tcp_pcb& pcb) {
  // A segment that is lost twice says nothing new of the path (RFC 5681, 3.1).
  if (recovery_state(pcb) == TcpRecoveryState::kOpen) remember_windows(pcb);
  if (recovery_state(pcb) != TcpRecoveryState::kTimedOut) set_threshold(pcb);
  pcb.recovery.recover = pcb.snd_nxt;
  pcb.recovery.guessed = 0;
  pcb.recovery.duplicates = 0;
  pcb.bytes_acked = 0;
  pcb.cwnd = pcb.mss;
  set_state(pcb, TcpRecoveryState::kTimedOut);
}

void end_episode(tcp_pcb& pcb) {
  if (recovery_state(pcb) == TcpRecoveryState::kRecovery) pcb.cwnd = pcb.ssthresh;
  pcb.recovery.guessed = 0;
  pcb.recovery.duplicates = 0;
  pcb.bytes_acked = 0;
  set_state(pcb, TcpRecoveryState::kOpen);
}

bool undo_mistake(tcp_pcb& pcb) {
  mokapot_tcp_recovery& state = pcb.recovery;
  if (recovery_state(pcb) == TcpRecoveryState::kOpen || state.loss_began == 0 || state.echo == 0) return false;
  if (!TCP_SEQ_LT(state.echo, state.loss_began)) return false;
  pcb.cwnd = std::max(pcb.cwnd, state.undo_window);
  pcb.ssthresh = std::max(pcb.ssthresh, state.undo_threshold);
  set_state(pcb, TcpRecoveryState::kOpen);
  mark_none_lost(pcb);
  return true;
}

void note_sent_again(tcp_pcb& pcb, std::uint32_t bytes, std::uint32_t packets) {
  mokapot_tcp_recovery& state = pcb.recovery;
  state.total_retransmitted += packets;
  state.data_segments_out += packets;
  state.bytes_sent += bytes;
  state.bytes_retransmitted += bytes;
  if (recovery_state(pcb) == TcpRecoveryState::kRecovery) state.loss_sent += bytes;
  // Never later than the copy's own timestamp, or each loss would look like a mistake.
  if (state.loss_began == 0) state.loss_began = sys_now() != 0 ? sys_now() : UINT32_MAX;
}

void reduce_window(tcp_pcb& pcb) {
  pcb.ssthresh = std::max(pcb.cwnd / 2, 2u * pcb.mss);
  pcb.cwnd = pcb.ssthresh;
  pcb.bytes_acked = 0;
}

void adjust_window(tcp_pcb& pcb) {
  if (recovery_state(pcb) == TcpRecoveryState::kRecovery) reduce_proportionally(pcb);
  else grow(pcb);
}

void forget_window(tcp_pcb& pcb) {
  const std::uint32_t initial = mokapot_tcp_initial_window(pcb.mss);
  if (pcb.cwnd <= initial) return;
  pcb.ssthresh = std::max(pcb.ssthresh, pcb.cwnd / 4 * 3);
  pcb.cwnd = initial;
  pcb.bytes_acked = 0;
}

}  // namespace mokapot

extern "C" uint32_t mokapot_tcp_initial_window(uint32_t mss) { return std::min(10 * mss, std::max(2 * mss, 14600u)); }
