// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_scoreboard.h"

#include <algorithm>
#include <span>

#include "lwip/sys.h"

namespace mokapot {

using namespace segment_mark;

namespace {

constexpr std::uint8_t kMostReorderSteps = 32;
constexpr std::uint32_t kDuplicateThreshold = 3;

// Bytes on their way: RFC 6675's pipe.
std::uint32_t in_flight(const tcp_seg& segment, std::uint8_t marks) {
  if ((marks & kSacked) != 0) return 0;
  return segment_size(segment) * (((marks & kLost) == 0 ? 1u : 0u) + ((marks & kAgain) != 0 ? 1u : 0u));
}

bool sent_later(std::uint32_t sent, std::uint32_t end, std::uint32_t than, std::uint32_t than_end) {
  return TCP_SEQ_GT(sent, than) || (sent == than && TCP_SEQ_GT(end, than_end));
}

// Adds or takes away what a segment with these marks counts.
void count(tcp_pcb& pcb, const tcp_seg& segment, std::uint8_t marks, std::uint32_t one) {
  mokapot_tcp_recovery& state = pcb.recovery;
  const std::uint32_t packets = tcp_packets(&pcb, &segment) * one;
  state.in_flight += in_flight(segment, marks) * one;
  if ((marks & kSacked) != 0) {
    state.sacked += segment_size(segment) * one;
    state.sacked_segments += packets;
    return;
  }
  if ((marks & kLost) != 0) state.lost_segments += packets;
  if ((marks & kAgain) != 0) state.retransmitted_segments += packets;
  if ((marks & (kLost | kAgain)) == kLost) state.waiting_segments += packets;
}
constexpr std::uint32_t kPlus = 1, kMinus = 0xffffffff;
// And what it counts among the outstanding ones.
void enter(tcp_pcb& pcb, const tcp_seg& segment, std::uint32_t one) {
  count(pcb, segment, segment.recovery, one);
  pcb.recovery.segments += tcp_packets(&pcb, &segment) * one;
}

// Of a segment that was sent again, which copy came? The timestamp tells if it is the one that moved the
// acknowledgement, since what comes out of order is not echoed: an echo older than the second copy is the first's
// (RFC 3522). Else only what is faster than the path ever was must be the first.
enum class How : std::uint8_t { kMoved, kCovered };

// `end`, `bytes`, `packets`: of what has been delivered, which may be a part of the segment.
void note_delivered(tcp_pcb& pcb, const tcp_seg& segment, std::uint32_t end, std::uint32_t bytes, std::uint32_t packets,
                    std::uint32_t now, How how) {
  mokapot_tcp_recovery& state = pcb.recovery;
  const std::uint32_t took = std::max(now - segment.sent, 1u);
  const bool again = (segment.recovery & kEverAgain) != 0;
  const bool late = again && how == How::kMoved && state.echo != 0 &&
                    TCP_SEQ_LT(state.echo, sys_now() - (now - segment.sent) / 1000);
  if (late) ++state.reordering_seen;
  state.delivered += bytes;
  state.delivered_segments += packets;
  if (!again) {
    if (state.sample == 0 || TCP_SEQ_GT(segment.sent, state.sample_sent)) {
      state.sample = took;
      state.sample_sent = segment.sent;
    }
    if (TCP_SEQ_LT(end, state.highest_delivered)) ++state.reordering_seen;
  }
  if (TCP_SEQ_GT(end, state.highest_delivered)) state.highest_delivered = end;
  if (late || (again && took < state.least_round_trip - state.least_round_trip / 8)) return;
  if (state.newest_trip == 0 || sent_later(segment.sent, end, state.newest_sent, state.newest_end)) {
    state.newest_sent = segment.sent;
    state.newest_end = end;
    state.newest_trip = took;
  }
}

void note_delivered(tcp_pcb& pcb, const tcp_seg& segment, std::uint32_t now, How how) {
  note_delivered(pcb, segment, segment_end(segment), segment_size(segment), tcp_packets(&pcb, &segment), now, how);
}

// The first of a segment's packets that are wholly within a block, as offsets; begin == end: there are none.
struct Covered {
  std::uint32_t begin = 0, end = 0;
};
Covered covered_by(const tcp_pcb& pcb, const tcp_seg& segment, const tcp_sack_range& block) {
  const std::uint32_t begin = segment_begin(segment), size = segment_size(segment), end = begin + size;
  if (TCP_SEQ_LEQ(block.left, begin) && TCP_SEQ_LEQ(end, block.right)) return {0, size};
  if (TCP_SEQ_LEQ(block.right, begin) || TCP_SEQ_LEQ(end, block.left)) return {};
  const std::uint32_t packet = tcp_packet_payload(&pcb, &segment);
  const std::uint32_t left = TCP_SEQ_GT(block.left, begin) ? (block.left - begin + packet - 1) / packet * packet : 0;
  // The last packet has the FIN, which a block may leave out.
  const std::uint32_t right = TCP_SEQ_LEQ(end, block.right)
                                  ? size
                                  : std::min((block.right - begin) / packet, (segment.len - 1) / packet) * packet;
  return left < right ? Covered{left, right} : Covered{};
}

std::uint32_t reordering_window(const mokapot_tcp_recovery& state) {
  if (state.reordering_seen == 0 && (state.state != 0 || state.sacked_segments >= kDuplicateThreshold)) return 0;
  return std::min(state.least_round_trip / 4 * (1 + state.reorder_steps), state.round_trip);
}

}  // namespace

void mark_segment(tcp_pcb& pcb, tcp_seg& segment, std::uint8_t marks) {
  count(pcb, segment, segment.recovery, kMinus);
  segment.recovery = marks;
  count(pcb, segment, marks, kPlus);
}

void forget_segment(tcp_pcb& pcb, tcp_seg& segment) { enter(pcb, segment, kMinus); }

bool split_segment(tcp_pcb& pcb, tcp_seg& segment, std::uint32_t payload) {
  if (payload == 0 || payload >= segment.len) return false;
  enter(pcb, segment, kMinus);
  const bool done = tcp_split_seg(&pcb, &segment, static_cast<u16_t>(payload)) == ERR_OK;
  enter(pcb, segment, kPlus);
  if (!done) return false;
  tcp_seg& rest = *segment.next;
  rest.recovery = segment.recovery;
  rest.sent = segment.sent;
  enter(pcb, rest, kPlus);
  if (pcb.unacked_last == &segment) pcb.unacked_last = &rest;
  return true;
}

namespace {

// Takes off what has been acknowledged of a segment that is not as a whole, in packets, so that what is left is cut as
// it was before. A packet stays, since it has the FIN if there is one. The packets; 0 also if somebody has its headers.
std::uint32_t shorten_segment(tcp_pcb& pcb, tcp_seg& segment, std::uint32_t acknowledged) REQUIRES(net_core_lock()) {
  const std::uint32_t begin = segment_begin(segment), packet = tcp_packet_payload(&pcb, &segment);
  if (segment.len == 0 || TCP_SEQ_LT(acknowledged, begin + packet)) return 0;
  const std::uint32_t packets = std::min((acknowledged - begin) / packet, (segment.len - 1) / packet);
  if (packets == 0) return 0;
  enter(pcb, segment, kMinus);
  const bool done = tcp_trim_seg(&pcb, &segment, static_cast<u16_t>(packets * packet)) != 0;
  enter(pcb, segment, kPlus);
  return done ? packets : 0;
}

std::uint32_t note_part(tcp_pcb& pcb, tcp_seg& segment, std::uint32_t acknowledged, std::uint32_t now, How how)
    REQUIRES(net_core_lock()) {
  const std::uint32_t packets = shorten_segment(pcb, segment, acknowledged);
  if (packets == 0) return 0;
  const std::uint32_t bytes = packets * tcp_packet_payload(&pcb, &segment);
  if ((segment.recovery & kSacked) == 0) note_delivered(pcb, segment, segment_begin(segment), bytes, packets, now, how);
  return bytes;
}

}  // namespace

std::uint32_t note_acknowledged(tcp_pcb& pcb, std::uint32_t acknowledged, std::uint32_t now) {
  for (tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next) {
    if (TCP_SEQ_GT(segment_end(*segment), acknowledged))
      return note_part(pcb, *segment, acknowledged, now, segment == pcb.unacked ? How::kMoved : How::kCovered);
    if ((segment->recovery & kSacked) == 0)
      note_delivered(pcb, *segment, now, segment == pcb.unacked ? How::kMoved : How::kCovered);
    forget_segment(pcb, *segment);
  }
  return 0;
}

void take_off_acknowledged(tcp_pcb& pcb) {
  if (pcb.unacked == nullptr) return;
  const std::uint32_t packet = tcp_packet_payload(&pcb, pcb.unacked);
  pcb.recovery.taken_off += shorten_segment(pcb, *pcb.unacked, pcb.lastack) * packet;
}

void note_blocks(tcp_pcb& pcb, std::uint32_t acknowledged, const tcp_sack_range* blocks, std::size_t count,
                 std::uint32_t now) {
  mokapot_tcp_recovery& state = pcb.recovery;
  // RFC 2883: the first block tells of a duplicate if it is below the acknowledgement or within the second.
  const auto within = [](const tcp_sack_range& inner, const tcp_sack_range& outer) {
    return TCP_SEQ_GEQ(inner.left, outer.left) && TCP_SEQ_LEQ(inner.right, outer.right);
  };
  if (count > 0 && (TCP_SEQ_LEQ(blocks[0].right, acknowledged) || (count > 1 && within(blocks[0], blocks[1])))) {
    state.flags |= recovery_flag::kDuplicateSeen;
    ++state.duplicates_reported;
    if (state.reorder_steps < kMostReorderSteps) ++state.reorder_steps;
  }
  std::uint32_t highest = acknowledged;
  for (std::size_t i = 0; i < count; ++i)
    if (TCP_SEQ_LEQ(blocks[i].right, pcb.snd_nxt) && TCP_SEQ_GT(blocks[i].right, highest)) highest = blocks[i].right;
  const auto means_something = [&](const tcp_sack_range& block) {
    return TCP_SEQ_LEQ(block.right, pcb.snd_nxt) && TCP_SEQ_GEQ(block.left, acknowledged);
  };
  for (tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next) {
    if (TCP_SEQ_GEQ(segment_begin(*segment), highest)) break;
    if (TCP_SEQ_LEQ(segment_end(*segment), acknowledged) || (segment->recovery & kSacked) != 0) continue;
    Covered covered;
    for (const tcp_sack_range& block : std::span(blocks, count)) {
      if (!means_something(block)) continue;
      const Covered by = covered_by(pcb, *segment, block);
      if (by.begin == by.end || (covered.begin != covered.end && by.begin > covered.begin)) continue;
      if (by.begin < covered.begin || by.end > covered.end || covered.begin == covered.end) covered = by;
    }
    if (covered.begin == covered.end) continue;
    // What is missing in front stays a segment; the next round is about what lies behind it.
    if (covered.begin != 0) {
      (void)split_segment(pcb, *segment, covered.begin);
      continue;
    }
    if (covered.end != segment_size(*segment) && !split_segment(pcb, *segment, covered.end)) continue;
    note_delivered(pcb, *segment, now, How::kCovered);
    mark_segment(pcb, *segment, kSacked | (segment->recovery & kEverAgain));
  }
}

void detect_losses(tcp_pcb& pcb, std::uint32_t now) {
  mokapot_tcp_recovery& state = pcb.recovery;
  state.flags &= static_cast<std::uint8_t>(~recovery_flag::kReorderTimer);
  if (state.newest_trip == 0) return;
  const std::uint32_t patience = state.newest_trip + reordering_window(state);
  for (tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next) {
    const std::uint8_t marks = segment->recovery;
    if ((marks & kSacked) != 0 || (marks & (kLost | kAgain)) == kLost) continue;
    if (!sent_later(state.newest_sent, state.newest_end, segment->sent, segment_end(*segment))) continue;
    if (now - segment->sent >= patience) {
      mark_segment(pcb, *segment, static_cast<std::uint8_t>((marks | kLost) & ~kAgain));
      state.total_lost += tcp_packets(&pcb, segment);
      continue;
    }
    const std::uint32_t due = segment->sent + patience;
    if ((state.flags & recovery_flag::kReorderTimer) != 0 && !TCP_SEQ_LT(due, state.reorder_due)) continue;
    state.flags |= recovery_flag::kReorderTimer;
    state.reorder_due = due;
  }
}

void mark_all_lost(tcp_pcb& pcb) {
  const bool believed = pcb.unacked != nullptr && (pcb.unacked->recovery & kSacked) == 0;
  for (tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next) {
    const std::uint8_t marks = segment->recovery;
    if (believed && (marks & kSacked) != 0) continue;
    if ((marks & kLost) == 0 || (marks & kAgain) != 0) pcb.recovery.total_lost += tcp_packets(&pcb, segment);
    mark_segment(pcb, *segment, static_cast<std::uint8_t>((marks & kEverAgain) | kLost));
  }
}

void mark_none_lost(tcp_pcb& pcb) {
  for (tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next)
    if ((segment->recovery & kLost) != 0) mark_segment(pcb, *segment, segment->recovery & kEverAgain);
}

}  // namespace mokapot
