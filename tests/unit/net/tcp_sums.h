// SPDX-License-Identifier: Apache-2.0
//
// What a control block counts, held against its segments. Core lock, as far as anybody else runs.
#pragma once

#include <gtest/gtest.h>

#include "net/tcp_scoreboard.h"

namespace mokapot::simulated {

// What the control block says of its segments is what they say.
inline void check_sums(const tcp_pcb* pcb) {
  if (pcb == nullptr) return;
  std::uint32_t flight = 0, sacked = 0, segments = 0, waiting = 0;
  std::uint32_t begin = pcb->unacked != nullptr ? segment_begin(*pcb->unacked) : 0;
  for (const tcp_seg* segment = pcb->unacked; segment != nullptr; segment = segment->next) {
    using namespace segment_mark;
    segments += tcp_packets(pcb, segment);
    ASSERT_EQ(segment_begin(*segment), begin) << "a gap, or bytes twice";
    begin = segment_end(*segment);
    ASSERT_EQ(segment->next == nullptr, segment == pcb->unacked_last);
    const std::uint8_t marks = segment->recovery;
    if ((marks & kSacked) != 0) {
      sacked += segment_size(*segment);
      continue;
    }
    if ((marks & kLost) == 0) flight += segment_size(*segment);
    if ((marks & kAgain) != 0) flight += segment_size(*segment);
    if ((marks & (kLost | kAgain)) == kLost) waiting += tcp_packets(pcb, segment);
  }
  ASSERT_EQ(pcb->recovery.in_flight, flight);
  ASSERT_EQ(pcb->recovery.sacked, sacked);
  ASSERT_EQ(pcb->recovery.segments, segments);
  ASSERT_EQ(pcb->recovery.waiting_segments, waiting);
}

}  // namespace mokapot::simulated
