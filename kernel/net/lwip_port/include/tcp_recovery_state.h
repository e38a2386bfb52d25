// SPDX-License-Identifier: Apache-2.0
//
// What a TCP connection knows of its losses, in C, since it is a part of lwIP's control block; and the calls through
// which lwIP leaves retransmission and congestion control to the port (net/tcp_recovery.h). Core lock held.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tcp_pcb;
struct tcp_seg;
struct tcp_sack_range;

struct mokapot_tcp_recovery {
  // The timer wheel's slot that the connection is in (net/tcp_timer_wheel.h); link: null, it is in none.
  struct tcp_pcb* timer_next;
  struct tcp_pcb** timer_link;
  int64_t timer_due;  // nanoseconds, as now()
  uint8_t timer_slot;

  uint8_t state;         // TcpRecoveryState
  uint8_t backoff;       // how often the retransmission time-out has been doubled
  uint8_t duplicates;    // in a row, of a receiver without SACK
  uint8_t flags;         // recovery_flag
  uint8_t reorder_steps; // beyond the first quarter of the least round trip that is waited for reordering
  uint8_t given_up;

  // Microseconds; they wrap, and only differences mean something.
  uint32_t round_trip, round_trip_variance, least_round_trip;  // 0: not measured
  uint32_t timeout_base;    // from when the retransmission time-out runs
  uint32_t probe_base;      // from when the tail-loss probe's runs
  uint32_t reorder_due;     // with kReorderTimer
  uint32_t progress;        // when something was acknowledged, or sent after nothing was outstanding
  uint32_t newest_sent;     // RACK: when the most recently sent of the delivered segments was sent,
  uint32_t newest_end;      //   its end,
  uint32_t newest_trip;     //   and how long it took

  uint32_t highest_delivered;  // the end of the highest segment that the receiver is known to have
  uint32_t recover;            // the episode is over when this is acknowledged
  uint32_t probe_end;          // with kProbed
  uint32_t in_flight;          // bytes: RFC 6675's pipe
  uint32_t sacked;             // bytes above the acknowledgement that the receiver has
  // Packets, as the device cuts segments into them.
  uint32_t sacked_segments, lost_segments, retransmitted_segments, waiting_segments, segments;  // waiting: to be sent again
  uint32_t guessed;            // bytes that duplicates say have arrived, of a receiver without SACK
  uint32_t delivered;          // bytes, by the current acknowledgement
  uint32_t acknowledged;       // cumulatively
  uint32_t sample;             // round trip that the current acknowledgement measured; 0: none
  uint32_t sample_sent;
  uint32_t taken_off;          // bytes of the first segment that were acknowledged, and that lwIP was not told of yet
  uint32_t loss_flight;        // PRR: outstanding bytes when the losses were noticed,
  uint32_t loss_delivered;     //   delivered since,
  uint32_t loss_sent;          //   and sent
  uint32_t loss_began;         // milliseconds, as timestamps: when the episode first sent something again; 0: not yet
  uint32_t undo_window, undo_threshold;  // what the episode has taken away
  uint32_t echo;               // the timestamp that the current acknowledgement echoes; 0: none

  uint32_t user_timeout_ms;    // TCP_USER_TIMEOUT; 0: none
  uint32_t probing_since;      // microseconds; 0: the window is not closed

  // For TCP_INFO.
  uint32_t total_retransmitted, total_lost, reordering_seen, duplicates_reported;
  uint32_t last_acknowledgement, last_sent;  // microseconds
  uint32_t segments_out, segments_in, data_segments_out, delivered_segments;
  uint64_t bytes_sent, bytes_retransmitted, bytes_acknowledged;
};

// A segment has been sent for the first time, and is the last of the unacknowledged ones.
void mokapot_tcp_sent(struct tcp_pcb* pcb, struct tcp_seg* segment);
// The first unsent segment could not be sent: it is to be tried again.
void mokapot_tcp_not_sent(struct tcp_pcb* pcb);
// Sends again what is lost, as far as the windows allow.
void mokapot_tcp_retransmit(struct tcp_pcb* pcb);
// Whether the windows have room for the first unsent segment, and for how much of its payload: all, or full packets.
int mokapot_tcp_may_send(struct tcp_pcb* pcb, const struct tcp_seg* segment, uint16_t* payload);
// An acknowledgement, before the segments that it covers are freed, and after. `echo`: of its timestamp; 0: none.
// Returns how many bytes have been taken off a segment that it covers in part.
uint32_t mokapot_tcp_ack(struct tcp_pcb* pcb, uint32_t acknowledged, int duplicate, const struct tcp_sack_range* blocks,
                     uint8_t count, uint32_t echo);
void mokapot_tcp_acked(struct tcp_pcb* pcb);
// The SYN has been acknowledged by a SYN.
void mokapot_tcp_connected(struct tcp_pcb* pcb, const struct tcp_seg* syn);
uint32_t mokapot_tcp_initial_window(uint32_t mss);
// Asked now and then: nonzero ends the connection, since the peer does not answer.
int mokapot_tcp_given_up(struct tcp_pcb* pcb);
// The queues have been emptied.
void mokapot_tcp_forget(struct tcp_pcb* pcb);

#ifdef __cplusplus
}
#endif
