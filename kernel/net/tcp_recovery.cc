// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_recovery.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "net/tcp_congestion.h"
#include "net/tcp_timer_wheel.h"
#include "time/clock.h"

namespace mokapot {
namespace {

using namespace segment_mark;
using namespace recovery_flag;

// Microseconds; Linux's numbers.
constexpr std::uint32_t kFirstTimeout = LWIP_TCP_RTO_TIME * 1000;
constexpr std::uint32_t kLeastVariance = 200'000, kMostTimeout = 120'000'000;
// How long a receiver may put off the acknowledgement of a single segment, and what else a probe is put off by.
constexpr std::uint32_t kDelayedAcknowledgement = 200'000, kProbeSlack = 10'000;
constexpr std::uint8_t kMostSynRetries = TCP_SYNMAXRTX, kMostRetries = 15;
constexpr unsigned kDuplicateThreshold = 3;

constinit TcpTimerWheel wheel GUARDED_BY(net_core_lock());
// What wheel.next() says, for the network thread before it sleeps. Relaxed: a note only.
constinit std::atomic<std::int64_t> next_due{INT64_MAX};

bool has(const tcp_pcb& pcb, std::uint8_t flag) { return (pcb.recovery.flags & flag) != 0; }
void set(tcp_pcb& pcb, std::uint8_t flag) { pcb.recovery.flags |= flag; }
void clear(tcp_pcb& pcb, std::uint8_t flag) { pcb.recovery.flags &= static_cast<std::uint8_t>(~flag); }

bool opening(const tcp_pcb& pcb) { return pcb.state == SYN_SENT || pcb.state == SYN_RCVD; }

// From the segment's beginning on, of which a probe of the window may have been acknowledged.
std::int64_t room_of_peer(const tcp_pcb& pcb, const tcp_seg& segment) {
  return std::int64_t{pcb.snd_wnd} - static_cast<std::int32_t>(segment_begin(segment) - pcb.lastack);
}

void note_round_trip(mokapot_tcp_recovery& state, std::uint32_t sample) {
  if (state.round_trip == 0) {
    state.round_trip = state.least_round_trip = sample;
    state.round_trip_variance = sample / 2;
    return;
  }
  const std::uint32_t difference = sample > state.round_trip ? sample - state.round_trip : state.round_trip - sample;
  state.round_trip_variance = state.round_trip_variance - state.round_trip_variance / 4 + difference / 4;
  state.round_trip = std::max(state.round_trip - state.round_trip / 8 + sample / 8, 1u);
  state.least_round_trip = std::min(state.least_round_trip, sample);
}

// A probe costs a segment, and says what is missing while no acknowledgement has said anything.
bool may_probe(const tcp_pcb& pcb) {
  const mokapot_tcp_recovery& state = pcb.recovery;
  return recovery_state(pcb) == TcpRecoveryState::kOpen && (pcb.flags & TF_SACK) != 0 && !opening(pcb) &&
         state.round_trip != 0 && state.sacked == 0 && state.backoff == 0 && (state.flags & (kProbed | kReorderTimer)) == 0;
}
std::uint32_t probe_timeout(const mokapot_tcp_recovery& state) {
  return 2 * state.round_trip + (state.segments == 1 ? kDelayedAcknowledgement : kProbeSlack);
}

// Microseconds until the next thing to do; negative: it is due. Something is outstanding, or was not sent.
std::int64_t time_left(const tcp_pcb& pcb, std::uint32_t now) REQUIRES(net_core_lock()) {
  const mokapot_tcp_recovery& state = pcb.recovery;
  const auto left = [now](std::uint32_t base, std::uint32_t after) {
    return std::int64_t{after} - static_cast<std::int32_t>(now - base);
  };
  std::int64_t least = left(state.timeout_base, retransmission_timeout_us(pcb));
  if (state.user_timeout_ms != 0 && state.backoff > 0) {
    const std::int64_t end = std::int64_t{state.user_timeout_ms} * 1000 - static_cast<std::int32_t>(now - state.progress);
    least = std::min(least, std::max<std::int64_t>(end, 0));
  }
  if (state.segments != 0 && may_probe(pcb)) least = std::min(least, left(state.probe_base, probe_timeout(state)));
  if (has(pcb, kReorderTimer)) least = std::min<std::int64_t>(least, static_cast<std::int32_t>(state.reorder_due - now));
  return least;
}

void set_timer(tcp_pcb& pcb, Instant time, TcpTimerWheel::Move move) REQUIRES(net_core_lock()) {
  if (pcb.recovery.segments == 0 && !has(pcb, kNotSent)) wheel.disarm(pcb);
  else wheel.arm(pcb, time + Duration::microseconds(std::max<std::int64_t>(time_left(pcb, microseconds(time)), 0)), move);
  next_due.store(wheel.next(time).nanoseconds(), std::memory_order_relaxed);
}

// --- Timers -------------------------------------------------------------------------------------------

// The segment, of which as much as may go out at once stays in it. False: not now.
bool send_again(tcp_pcb& pcb, tcp_seg& segment, std::uint32_t now) REQUIRES(net_core_lock()) {
  const std::uint32_t most = tcp_output_limit(&pcb, &segment);
  if (most < segment.len && !split_segment(pcb, segment, most)) return false;
  if (tcp_send_again(&pcb, &segment) != ERR_OK) return false;
  segment.sent = now;
  mark_segment(pcb, segment, static_cast<std::uint8_t>(segment.recovery | kAgain | kEverAgain));
  note_sent_again(pcb, segment_size(segment), tcp_packets(&pcb, &segment));
  return true;
}

void send_probe(tcp_pcb& pcb, std::uint32_t now) REQUIRES(net_core_lock()) {
  mokapot_tcp_recovery& state = pcb.recovery;
  set(pcb, kProbed);
  clear(pcb, kProbeWasCopy);
  state.timeout_base = now;
  const std::uint32_t before = state.segments, window = pcb.cwnd;
  if (pcb.unsent != nullptr) {  // something new, if the receiver has room
    pcb.cwnd = std::max(window, bytes_in_flight(pcb) + tcp_packet_payload(&pcb, pcb.unsent));
    tcp_output(&pcb);
    pcb.cwnd = window;
  }
  if (state.segments == before) {
    // The last packet.
    take_off_acknowledged(pcb);
    const std::uint32_t packet = tcp_packet_payload(&pcb, pcb.unacked_last);
    if (pcb.unacked_last->len > packet)
      (void)split_segment(pcb, *pcb.unacked_last, (pcb.unacked_last->len - 1) / packet * packet);
    // The MTU may have become less, where the interface does not cut: still the end, since its report tells most.
    const std::uint32_t most = tcp_output_limit(&pcb, pcb.unacked_last);
    if (pcb.unacked_last->len > most)
      (void)split_segment(pcb, *pcb.unacked_last, (pcb.unacked_last->len - 1) / most * most);
    if (send_again(pcb, *pcb.unacked_last, now)) set(pcb, kProbeWasCopy);
  }
  state.probe_end = pcb.snd_nxt;
}

void time_out(tcp_pcb& pcb, std::uint32_t now) REQUIRES(net_core_lock()) {
  mokapot_tcp_recovery& state = pcb.recovery;
  const std::uint8_t most = pcb.state == SYN_SENT ? kMostSynRetries : kMostRetries;
  const bool user_ends = state.user_timeout_ms != 0 && state.backoff > 0 &&
                         now - state.progress >= std::uint64_t{state.user_timeout_ms} * 1000;
  state.timeout_base = now;
  if (pcb.nrtx >= most || user_ends) {
    state.given_up = 1;  // the slow timer ends it
    return;
  }
  ++pcb.nrtx;
  if (state.backoff < UINT8_MAX) ++state.backoff;
  clear(pcb, kProbed);
  clear(pcb, kReorderTimer);
  if (state.segments != 0) {
    if (!opening(pcb)) begin_after_timeout(pcb);
    mark_all_lost(pcb);
  }
  tcp_output(&pcb);
}

void run_timer(tcp_pcb& pcb, Instant time) NO_THREAD_SAFETY_ANALYSIS {  // run_due() is called with the lock
  mokapot_tcp_recovery& state = pcb.recovery;
  const std::uint32_t now = microseconds(time);
  if (has(pcb, kReorderTimer) && static_cast<std::int32_t>(state.reorder_due - now) <= 0) {
    detect_losses(pcb, now);
    state.delivered = state.acknowledged = 0;
    if (state.waiting_segments != 0 && recovery_state(pcb) == TcpRecoveryState::kOpen) begin_recovery(pcb);
    adjust_window(pcb);
    tcp_output(&pcb);
  } else if (time_left(pcb, now) <= 0) {
    // Before the window is given up there is always a probe, as in Linux.
    if (state.segments != 0 && may_probe(pcb)) send_probe(pcb, now);
    else time_out(pcb, now);
  }
  set_timer(pcb, time, TcpTimerWheel::Move::kYes);
}

// --- Acknowledgements -----------------------------------------------------------------------------------

// RFC 8985, 7.4: what came of the probe.
void note_probe_answer(tcp_pcb& pcb) REQUIRES(net_core_lock()) {
  if (!has(pcb, kProbed) || TCP_SEQ_LT(pcb.lastack, pcb.recovery.probe_end)) return;
  // Beyond the probe, and nobody spoke of a duplicate: it has replaced a segment.
  const bool repaired = has(pcb, kProbeWasCopy) && TCP_SEQ_GT(pcb.lastack, pcb.recovery.probe_end);
  if (has(pcb, kDuplicateSeen)) clear(pcb, kProbed);
  else if (repaired || !has(pcb, kProbeWasCopy)) {
    if (repaired && recovery_state(pcb) == TcpRecoveryState::kOpen) reduce_window(pcb);
    clear(pcb, kProbed);
  } else if (has(pcb, kDuplicateAck)) {
    clear(pcb, kProbed);
  }
}

void find_losses(tcp_pcb& pcb, std::uint32_t now) REQUIRES(net_core_lock()) {
  mokapot_tcp_recovery& state = pcb.recovery;
  if (state.segments == 0) return;
  if ((pcb.flags & TF_SACK) != 0) {
    if (state.sacked != 0 || state.retransmitted_segments != 0 || state.state != 0) detect_losses(pcb, now);
    return;
  }
  // RFC 6582: the third duplicate, and then each acknowledgement that leaves something, speak of the first packet.
  tcp_seg& first = *pcb.unacked;
  const bool third = recovery_state(pcb) == TcpRecoveryState::kOpen && state.duplicates >= kDuplicateThreshold;
  const bool partial = recovery_state(pcb) == TcpRecoveryState::kRecovery && state.acknowledged != 0;
  if ((third || partial) && (first.recovery & (kLost | kAgain)) == 0) {
    take_off_acknowledged(pcb);
    isolate_first_packet(pcb, first);
    mark_segment(pcb, first, static_cast<std::uint8_t>(first.recovery | kLost));
    state.total_lost += tcp_packets(&pcb, &first);
  }
}

}  // namespace

std::uint32_t retransmission_timeout_us(const tcp_pcb& pcb) {
  const mokapot_tcp_recovery& state = pcb.recovery;
  std::uint64_t timeout = kFirstTimeout;
  if (state.round_trip != 0) timeout = std::uint64_t{state.round_trip} + std::max(4 * state.round_trip_variance, kLeastVariance);
  timeout <<= std::min<std::uint8_t>(state.backoff, 16);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(timeout, kMostTimeout));
}

Instant run_tcp_recovery(Instant now) {
  wheel.run_due(now, run_timer);
  const Instant next = wheel.next(now);
  next_due.store(next.nanoseconds(), std::memory_order_relaxed);
  return next;
}

Instant next_tcp_recovery() { return Instant::from_nanoseconds(next_due.load(std::memory_order_relaxed)); }

}  // namespace mokapot

// --- lwIP's side; the core lock is held -----------------------------------------------------------------

using namespace mokapot;

extern "C" {

void mokapot_tcp_sent(tcp_pcb* pcb, tcp_seg* segment) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  const Instant time = now();
  segment->sent = microseconds(time);
  segment->recovery = 0;
  clear(*pcb, kNotSent);
  const std::uint32_t packets = tcp_packets(pcb, segment);
  if (state.segments == 0) {
    state.highest_delivered = pcb->lastack;
    state.newest_trip = 0;
    state.timeout_base = state.progress = segment->sent;
  }
  state.segments += packets;
  state.in_flight += segment_size(*segment);
  state.bytes_sent += segment->len;
  if (segment->len != 0) state.data_segments_out += packets;
  state.probe_base = state.last_sent = segment->sent;
  if (recovery_state(*pcb) == TcpRecoveryState::kRecovery) state.loss_sent += segment_size(*segment);
  if (state.timer_link == nullptr) set_timer(*pcb, time, TcpTimerWheel::Move::kNo);
}

void mokapot_tcp_not_sent(tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS {
  const Instant time = now();
  set(*pcb, kNotSent);
  if (pcb->recovery.segments == 0 && pcb->recovery.timer_link == nullptr)
    pcb->recovery.timeout_base = pcb->recovery.progress = microseconds(time);
  if (pcb->recovery.timer_link == nullptr) set_timer(*pcb, time, TcpTimerWheel::Move::kNo);
}

void mokapot_tcp_retransmit(tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  const std::uint32_t time = microseconds(now());
  if (state.segments == 0 && pcb->unsent != nullptr && !opening(*pcb) && state.round_trip != 0 &&
      time - state.last_sent > retransmission_timeout_us(*pcb))
    forget_window(*pcb);
  if (state.waiting_segments == 0) return;
  take_off_acknowledged(*pcb);
  for (tcp_seg* segment = pcb->unacked; segment != nullptr; segment = segment->next) {
    if ((segment->recovery & (kSacked | kLost | kAgain)) != kLost) continue;
    // The first packet is sent whatever the windows say of it: if nothing is on its way, and if the receiver's window
    // has shrunk meanwhile, since its acknowledgement says whether that is so.
    const std::uint32_t flight = bytes_in_flight(*pcb), packet = tcp_packet_payload(pcb, segment);
    const std::int64_t window = flight == 0 ? std::max(pcb->cwnd, packet) : std::int64_t{pcb->cwnd} - flight;
    std::int64_t peer = room_of_peer(*pcb, *segment);
    if (segment == pcb->unacked) peer = std::max<std::int64_t>(peer, packet);
    const std::int64_t most = std::min(window, peer);
    if (most < segment->len) {
      if (most < packet || !split_segment(*pcb, *segment, static_cast<std::uint32_t>(most / packet * packet))) break;
    }
    if (!send_again(*pcb, *segment, time)) break;  // the time-out tries again
    if (segment == pcb->unacked) state.timeout_base = time;
  }
}

int mokapot_tcp_may_send(tcp_pcb* pcb, const tcp_seg* segment, std::uint16_t* payload) NO_THREAD_SAFETY_ANALYSIS {
  const std::uint32_t packet = tcp_packet_payload(pcb, segment), least = std::min<std::uint32_t>(segment->len, packet);
  const std::int64_t peer = room_of_peer(*pcb, *segment);
  if (peer < least) return 0;
  if (pcb->recovery.segments != 0 && opening(*pcb)) return 0;
  const std::uint32_t flight = bytes_in_flight(*pcb);
  const std::int64_t window = flight == 0 ? std::max(pcb->cwnd, least) : std::int64_t{pcb->cwnd} - flight;
  if (window < std::min<std::int64_t>(segment->len, peer)) set(*pcb, kWindowLimited);
  if (window < least) return 0;
  const std::int64_t most = std::min(window, peer);
  *payload = most >= segment->len ? segment->len : static_cast<std::uint16_t>(most / packet * packet);
  return 1;
}

std::uint32_t mokapot_tcp_ack(tcp_pcb* pcb, uint32_t acknowledged, int duplicate, const tcp_sack_range* blocks,
                     uint8_t count, uint32_t echo) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  const std::uint32_t time = microseconds(now());
  clear(*pcb, kDuplicateSeen);
  clear(*pcb, kDuplicateAck);
  state.delivered = state.sample = 0;
  state.echo = (pcb->flags & TF_TIMESTAMP) != 0 ? echo : 0;
  state.acknowledged = acknowledged - pcb->lastack;
  state.bytes_acknowledged += state.acknowledged;
  ++state.segments_in;
  state.last_acknowledgement = time;
  const std::uint32_t taken =
      state.acknowledged != 0 ? std::exchange(state.taken_off, 0) + note_acknowledged(*pcb, acknowledged, time) : 0;
  if ((pcb->flags & TF_SACK) != 0) note_blocks(*pcb, acknowledged, blocks, count, time);
  if (!duplicate) return taken;
  set(*pcb, kDuplicateAck);
  if ((pcb->flags & TF_SACK) != 0 || state.segments == 0) return taken;
  if (state.duplicates < UINT8_MAX) ++state.duplicates;
  state.guessed = std::min(state.guessed + pcb->mss, state.in_flight);
  state.delivered += pcb->mss;
  return taken;
}

void mokapot_tcp_acked(tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  const Instant time = now();
  if (state.sample != 0) note_round_trip(state, state.sample);
  if (state.acknowledged != 0) {
    state.backoff = 0;
    state.timeout_base = state.probe_base = state.progress = microseconds(time);
    state.duplicates = 0;
    state.guessed -= std::min(state.guessed, state.acknowledged);
  }
  note_probe_answer(*pcb);
  const bool mistaken = state.acknowledged != 0 && undo_mistake(*pcb);
  if (!mistaken && recovery_state(*pcb) != TcpRecoveryState::kOpen && TCP_SEQ_GEQ(pcb->lastack, state.recover))
    end_episode(*pcb);
  find_losses(*pcb, microseconds(time));
  if (state.waiting_segments != 0 && recovery_state(*pcb) == TcpRecoveryState::kOpen) begin_recovery(*pcb);
  adjust_window(*pcb);
  state.acknowledged = state.delivered = 0;
  set_timer(*pcb, time, TcpTimerWheel::Move::kNo);
}

void mokapot_tcp_connected(tcp_pcb* pcb, const tcp_seg* syn) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  const std::uint32_t round_trip = microseconds(now()) - syn->sent;
  const bool measured = (syn->recovery & kEverAgain) == 0;
  mokapot_tcp_forget(pcb);
  if (measured) note_round_trip(state, std::max(round_trip, 1u));
}

int mokapot_tcp_given_up(tcp_pcb* pcb) {
  mokapot_tcp_recovery& state = pcb->recovery;
  if (state.given_up != 0) return 1;
  // A peer that answers probes with a closed window is no better than one that does not answer.
  if (pcb->persist_backoff == 0) {
    state.probing_since = 0;
  } else {
    const std::uint32_t time = microseconds(now());
    if (state.probing_since == 0) state.probing_since = time | 1;
    const auto closed = static_cast<std::int32_t>(time - state.probing_since);
    if (state.user_timeout_ms != 0 && closed >= std::int64_t{state.user_timeout_ms} * 1000) return 1;
  }
  // Keep-alive probes that nobody answered.
  return state.user_timeout_ms != 0 && pcb->keep_cnt_sent != 0 &&
         std::uint64_t{tcp_ticks - pcb->tmr} * TCP_SLOW_INTERVAL >= state.user_timeout_ms;
}

void mokapot_tcp_forget(tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS {
  mokapot_tcp_recovery& state = pcb->recovery;
  wheel.disarm(*pcb);
  state.segments = state.in_flight = state.sacked = state.guessed = state.taken_off = 0;
  state.sacked_segments = state.lost_segments = state.retransmitted_segments = state.waiting_segments = 0;
  state.flags = state.state = state.backoff = state.duplicates = 0;
}

}  // extern "C"
