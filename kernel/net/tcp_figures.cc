// SPDX-License-Identifier: Apache-2.0
//
// What a connection through lwIP says of itself: TCP_INFO.
#include <algorithm>

#include "net/tcp_congestion.h"
#include "net/tcp_recovery.h"
#include "net/tcp_stack.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// Linux's tcp_ca_state.
constexpr std::uint8_t kOpen = 0, kDisorder = 1, kRecovery = 3, kLoss = 4;

std::uint8_t congestion_state(const tcp_pcb& pcb) {
  switch (recovery_state(pcb)) {
    case TcpRecoveryState::kRecovery: return kRecovery;
    case TcpRecoveryState::kTimedOut: return kLoss;
    case TcpRecoveryState::kOpen: break;
  }
  return pcb.recovery.sacked != 0 ? kDisorder : kOpen;
}

std::uint32_t milliseconds_since(Instant time, Instant from) {
  return static_cast<std::uint32_t>((time - from).nanoseconds() / 1'000'000);
}

}  // namespace

TcpFigures StackTcpEndpoint::figures() {
  const NetCoreGuard core;
  TcpFigures figures;
  if (pcb_ == nullptr) return figures;
  const mokapot_tcp_recovery& state = pcb_->recovery;
  const Instant time = now();
  const auto ago_ms = [&](std::uint32_t then) { return (microseconds(time) - then) / 1000; };
  const std::uint32_t mss = std::max<std::uint32_t>(pcb_->mss, 1);
  figures.send_mss = figures.receive_mss = tcp_mss(pcb_);
  figures.round_trip_us = state.round_trip;
  figures.round_trip_variance_us = state.round_trip_variance;
  figures.least_round_trip_us = state.least_round_trip;
  figures.retransmit_us = retransmission_timeout_us(*pcb_);
  figures.congestion_window = std::max(pcb_->cwnd / mss, 1u);
  figures.slow_start_threshold = pcb_->ssthresh / mss;
  figures.unacknowledged = state.segments;
  figures.selectively_acknowledged = state.sacked_segments;
  figures.lost = state.lost_segments;
  figures.retransmitting = state.retransmitted_segments;
  figures.retransmits = pcb_->nrtx;
  figures.total_retransmits = state.total_retransmitted;
  figures.delivered = state.delivered_segments;
  figures.duplicates_reported = state.duplicates_reported;
  figures.reordering_seen = state.reordering_seen;
  figures.backoff = state.backoff;
  figures.probes = pcb_->persist_probe != 0 ? pcb_->persist_probe : pcb_->keep_cnt_sent;
  figures.congestion_state = congestion_state(*pcb_);
  figures.send_window = pcb_->snd_wnd;
  figures.receive_window = pcb_->rcv_wnd;
  figures.not_sent_bytes = pcb_->snd_lbb - pcb_->snd_nxt;
  figures.last_data_sent_ms = state.data_segments_out != 0 ? ago_ms(state.last_sent) : 0;
  figures.last_ack_received_ms = state.segments_in != 0 ? ago_ms(state.last_acknowledgement) : 0;
  figures.last_data_received_ms = pieces_received_ != 0 ? milliseconds_since(time, last_received_) : 0;
  figures.segments_out = state.segments_out;
  figures.segments_in = state.segments_in;
  figures.data_segments_out = state.data_segments_out;
  figures.data_segments_in = pieces_received_;
  figures.bytes_sent = state.bytes_sent;
  figures.bytes_retransmitted = state.bytes_retransmitted;
  figures.bytes_acknowledged = state.bytes_acknowledged;
  figures.bytes_received = bytes_received_;
  figures.send_scale = pcb_->snd_scale;
  figures.receive_scale = pcb_->rcv_scale;
  figures.timestamps = (pcb_->flags & TF_TIMESTAMP) != 0;
  figures.selective_acks = (pcb_->flags & TF_SACK) != 0;
  figures.scaling = (pcb_->flags & TF_WND_SCALE) != 0;
  return figures;
}

}  // namespace mokapot
