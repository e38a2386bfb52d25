// SPDX-License-Identifier: Apache-2.0
// Segments of many packets, which the device cuts up: what is lost and acknowledged of them. What holds for segments of
// any length is in tcp_loss_test.cc.
//
// sources: kernel/net/stack.cc kernel/net/ethernet_interface.cc kernel/net/transmit_path.cc kernel/net/cited_buffer.cc
// sources: kernel/net/tcp_recovery.cc kernel/net/tcp_scoreboard.cc kernel/net/tcp_congestion.cc kernel/net/tcp_timer_wheel.cc
// sources: kernel/net/receive_buffer.cc kernel/net/segment_merge.cc kernel/net/checksum.cc kernel/net/keyed_hash.cc
// sources: kernel/net/firewall.cc kernel/net/syn_cookie.cc kernel/net/lwip_port/timers.cc
// sources: kernel/net/lwip_port/sequence_numbers.cc kernel/device/random.cc kernel/device/chacha20.cc
// sources: kernel/net/address_configuration.cc kernel/net/address_watch.cc kernel/net/address_text.cc kernel/net/resolver_settings.cc
// sources: tests/unit/net/one_thread.cc tests/unit/net/simulated_network.cc
// sources: lwip/def.c lwip/inet_chksum.c lwip/init.c lwip/ip.c lwip/mem.c lwip/memp.c lwip/netif.c lwip/pbuf.c
// sources: lwip/raw.c lwip/stats.c lwip/sys.c lwip/tcp.c lwip/tcp_in.c lwip/tcp_out.c lwip/udp.c lwip/ipv4/dhcp.c
// sources: lwip/ipv4/etharp.c lwip/ipv4/icmp.c lwip/ipv4/igmp.c lwip/ipv4/ip4.c lwip/ipv4/ip4_addr.c
// sources: lwip/ipv4/ip4_frag.c lwip/ipv6/ethip6.c lwip/ipv6/icmp6.c lwip/ipv6/inet6.c lwip/ipv6/ip6.c
// sources: lwip/ipv6/ip6_addr.c lwip/ipv6/ip6_frag.c lwip/ipv6/mld6.c lwip/ipv6/nd6.c
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "net/large_segment_fixture.h"
#include "net/tcp_congestion.h"
#include "net/tcp_sums.h"
#include "time/clock.h"

namespace mokapot {
namespace {

using simulated::check_sums;
using simulated::Connection;
using simulated::Frame;
using simulated::kMebibyte;
using simulated::kPacket;
using simulated::Network;
using simulated::Segment;
using simulated::segment_of;
using simulated::Witness;

class TcpLargeSegment : public simulated::LargeSegmentTest {};

TEST_F(TcpLargeSegment, AMebibyteIsAFewOfThem) {
  warm();
  network.device(Network::kFirst).stalled = true;
  std::size_t frames = 0;
  each_sent([&](const Segment& segment, Frame&) {
    ++frames;
    EXPECT_LE(segment.payload, kPacket);
  });
  connection->most_queued = kMebibyte;
  connection->write(kMebibyte);
  EXPECT_LE(segments(), kMebibyte / 60'000 + 4);
  EXPECT_EQ(client().recovery.segments, (client().snd_nxt - client().lastack + kPacket - 1) / kPacket);
  network.device(Network::kFirst).stalled = false;
  network.device(Network::kFirst).send();
  EXPECT_TRUE(arrives(2 * kMebibyte));
  EXPECT_LE(frames, kMebibyte / kPacket + 20) << "hardly any that is not full";
}

// Only what was lost is sent again, wherever it lies.
TEST_F(TcpLargeSegment, HolesAreFilledAndNothingElse) {
  warm();
  const std::uint32_t begin = client().snd_nxt;
  std::vector<std::uint32_t> dropped;
  network.drop = [&](std::size_t from, const Frame& frame) {
    const Segment segment = segment_of(frame);
    const std::uint32_t number = (segment.sequence - begin) / kPacket;
    const bool lost = from == Network::kFirst && segment.payload > 0 && (number % 10 == 0 || number % 17 == 3) &&
                      std::ranges::find(dropped, segment.sequence) == dropped.end();
    if (lost) dropped.push_back(segment.sequence);
    return lost;
  };
  Witness witness(network);
  connection->write(kMebibyte / 4);
  EXPECT_TRUE(arrives(kMebibyte / 4 * 5));
  EXPECT_GE(dropped.size(), 20u);
  EXPECT_EQ(client().recovery.total_retransmitted, dropped.size());
  EXPECT_FALSE(witness.different());
}

// What is acknowledged of a segment is given back at once, and its round trip known.
TEST_F(TcpLargeSegment, AnAcknowledgementOfAPartFreesThatPart) {
  warm();
  network.drop = [&, count = std::size_t{0}](std::size_t from, const Frame& frame) mutable {
    return from == Network::kFirst && segment_of(frame).payload > 0 && ++count > 20;
  };
  const std::uint32_t begin = client().snd_nxt, room = client().snd_buf;
  connection->write(60 * kPacket);
  network.run(Duration::milliseconds(3));
  EXPECT_EQ(client().lastack, begin + 20 * kPacket);
  EXPECT_EQ(segment_begin(*client().unacked), begin + 20 * kPacket);
  EXPECT_EQ(client().snd_buf, room - 40 * kPacket);
  EXPECT_EQ(client().recovery.in_flight, 40 * kPacket);
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 60 * kPacket));
}

// After a time-out one packet goes out, not one segment.
TEST_F(TcpLargeSegment, ATimeOutSendsOnePacketAgain) {
  warm();
  lose_everything();
  connection->write(60 * kPacket);
  network.run(Duration::milliseconds(50));
  std::vector<std::size_t> sent;
  each_sent([&](const Segment& segment, Frame&) { sent.push_back(segment.payload); });
  network.run(Duration::milliseconds(450));
  ASSERT_FALSE(sent.empty());
  EXPECT_LE(sent.size(), 2u);
  EXPECT_EQ(*std::ranges::max_element(sent), kPacket);
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 60 * kPacket));
}

// Reports that nobody would send: on odd bytes, beyond what was sent, overlapping. Nothing is believed that does not
// cover a packet, and all is well afterwards.
TEST_F(TcpLargeSegment, ReportsOfPartsOfPacketsMeanNothing) {
  warm();
  lose_everything();
  connection->write(100 * kPacket);
  {
    const NetCoreGuard core;
    tcp_pcb& pcb = client();
    const std::uint32_t base = pcb.lastack, now_us = microseconds(now());
    const tcp_sack_range odd[] = {{base + 1, base + kPacket}, {base + 3 * kPacket + 1, base + 5 * kPacket - 1}};
    note_blocks(pcb, base, odd, 2, now_us);
    EXPECT_EQ(pcb.recovery.sacked, 0u);
    const tcp_sack_range some[] = {{base + 7 * kPacket - 5, base + 9 * kPacket + 5},
                                   {base + 2 * kPacket, base + 4 * kPacket},
                                   {base + 3 * kPacket, base + 5 * kPacket}};
    note_blocks(pcb, base, some, 3, now_us);
    EXPECT_EQ(pcb.recovery.sacked, 5 * kPacket);
    EXPECT_EQ(pcb.recovery.sacked_segments, 5u);
    std::size_t total = 0;
    for (const tcp_seg* segment = pcb.unacked; segment != nullptr; segment = segment->next) {
      EXPECT_EQ(segment_begin(*segment), base + total);
      EXPECT_EQ(segment->p->tot_len, pbuf_clen(segment->p) == 0 ? 0 : [&] {
        std::size_t bytes = 0;
        for (const pbuf* piece = segment->p; piece != nullptr; piece = piece->next) bytes += piece->len;
        return bytes;
      }());
      total += segment->len;
    }
    EXPECT_EQ(base + total, pcb.snd_nxt);
    tcp_free_ooseq(connection->server);
  }
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 100 * kPacket));
}

// All is acknowledged at once but the FIN, which lies behind full packets.
TEST_F(TcpLargeSegment, AFinAloneIsSentAgain) {
  warm();
  bool lost = true;
  network.drop = [&, end = client().snd_nxt + 21 * kPacket](std::size_t from, const Frame& frame) {
    return from == Network::kSecond && TCP_SEQ_LT(segment_of(frame).acknowledged, end);
  };
  each_sent([&](const Segment&, Frame& frame) {
    if (lost) frame[34 + 13] &= static_cast<std::uint8_t>(~TCP_FIN);
  });
  send_with_fin(20);
  network.run(Duration::seconds(1));
  EXPECT_EQ(connection->received, kMebibyte + 21 * kPacket);
  EXPECT_EQ(client().state, FIN_WAIT_1);
  lost = false;
  network.run(Duration::seconds(5));
  EXPECT_EQ(client().state, FIN_WAIT_2);
}

// Somebody has the segment's headers while the acknowledgement of a part comes, and no more when the time-out does.
TEST_F(TcpLargeSegment, WhatCouldNotBeTakenOffIsNotSentAgain) {
  for (const bool cut : {true, false}) {
    warm();
    network.drop = [&, count = std::size_t{0}](std::size_t from, const Frame& frame) mutable {
      return from == Network::kFirst && segment_of(frame).payload > 0 && ++count > 20;
    };
    const std::uint32_t begin = client().snd_nxt, room = client().snd_buf;
    narrow(100);
    connection->write(40 * kPacket);
    pbuf* const held = client().unacked->p;
    pbuf_ref(held);
    network.run(Duration::milliseconds(3));
    EXPECT_EQ(client().lastack, begin + 20 * kPacket);
    EXPECT_EQ(segment_begin(*client().unacked), begin);
    pbuf_free(held);
    network.let_devices_cut(cut);
    network.run(Duration::seconds(1));
    network.drop = nullptr;
    std::size_t below = 0;
    each_sent([&](const Segment& segment, Frame&) {
      if (TCP_SEQ_LT(segment.sequence, begin + 20 * kPacket)) ++below;
    });
    EXPECT_TRUE(arrives(kMebibyte + 40 * kPacket)) << cut;
    EXPECT_EQ(below, 0u) << cut;
    network.run(Duration::seconds(1));
    EXPECT_EQ(client().unacked, nullptr);
    EXPECT_EQ(client().snd_buf, room);
    network.let_devices_cut(true);
  }
}

// Without SACK the third duplicate speaks of one packet; where that cannot be taken apart all are sent again.
TEST_F(TcpLargeSegment, ASegmentThatCannotBeSplitIsLostWhole) {
  warm();
  lose_everything();
  connection->write(10 * kPacket);
  pbuf* const held = client().unacked->p;
  pbuf_ref(held);
  {
    const NetCoreGuard core;
    tcp_pcb& pcb = client();
    tcp_clear_flags(&pcb, TF_SACK);
    const std::uint32_t before = pcb.recovery.total_lost;
    for (int i = 0; i < 3; ++i) {
      mokapot_tcp_ack(&pcb, pcb.lastack, 1, nullptr, 0, 0);
      mokapot_tcp_acked(&pcb);
    }
    EXPECT_EQ(pcb.recovery.lost_segments, 10u);
    EXPECT_EQ(pcb.recovery.total_lost - before, 10u);
  }
  pbuf_free(held);
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 10 * kPacket));
}

// The packets below the one with the FIN are the receiver's.
TEST_F(TcpLargeSegment, AReportUpToTheFinCountsForWhatIsBelow) {
  warm();
  lose_everything();
  send_with_fin(20);
  {
    const NetCoreGuard core;
    const std::uint32_t base = client().lastack;
    const tcp_sack_range blocks[] = {{base + 5 * kPacket, base + 21 * kPacket}};
    note_blocks(client(), base, blocks, 1, microseconds(now()));
    EXPECT_EQ(client().recovery.sacked, 15 * kPacket);
    tcp_free_ooseq(connection->server);
  }
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 21 * kPacket));
}

// Writes of all sizes, with and without Nagle's algorithm, over a link that does everything wrong.
TEST_F(TcpLargeSegment, EverythingAtOnceArrivesWhole) {
  std::mt19937 random(7);
  for (int run = 0; run < 20; ++run) {
    network.reset({.delay = Duration::microseconds(300 + random() % 3000), .bytes_per_second = 125'000'000}, random());
    connection.reset();
    connection = std::make_unique<Connection>(network);
    ASSERT_TRUE(connection->open());
    network.settings.loss = run % 3 == 0 ? 0.05 : 0;
    network.settings.reordering = 0.2;
    network.settings.reordering_delay = Duration::microseconds(200 + random() % 6000);
    network.settings.duplication = run % 4 == 0 ? 0.1 : 0;
    if (run % 2 != 0) {
      const NetCoreGuard core;
      tcp_nagle_enable(&client());
    }
    const std::uint32_t room = client().snd_buf;
    connection->most_queued = 64 * 1024 + random() % 300'000;
    std::size_t goal = 0;
    for (int part = 0; part < 3; ++part) {
      const std::size_t size = 1 + random() % 300'000;
      connection->write(size);
      goal += size;
      ASSERT_TRUE(network.run(Duration::seconds(60), [&] {
        check_sums(connection->client);
        return HasFatalFailure() || connection->received == goal || connection->reset;
      })) << "run " << run << ": " << connection->received << " of " << goal;
      ASSERT_FALSE(HasFatalFailure() || connection->reset || connection->damaged);
    }
    ASSERT_TRUE(network.run(Duration::seconds(60), [&] { return client().unacked == nullptr; }));
    EXPECT_EQ(client().snd_buf, room);
    EXPECT_EQ(client().snd_queuelen, 0u);
  }
}

}  // namespace
}  // namespace mokapot
