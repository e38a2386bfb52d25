// SPDX-License-Identifier: Apache-2.0
// Segments of many packets, which the device cuts up: when they are split, shortened and sent again. What holds for
// segments of any length is in tcp_loss_test.cc.
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

#include "net/ethernet_interface.h"
#include "net/simulated_network.h"
#include "net/tcp_congestion.h"
#include "net/tcp_sums.h"
#include "time/clock.h"

#include "lwip/etharp.h"

namespace mokapot {
namespace {

using simulated::check_sums;
using simulated::Connection;
using simulated::Frame;
using simulated::Network;
using simulated::Segment;
using simulated::segment_of;
using simulated::Witness;

[[maybe_unused]] const bool kOffered = simulated::Device::offers_segmentation = true;

constexpr std::uint32_t kMebibyte = 1 << 20;
constexpr std::uint32_t kPacket = 1460 - 12;  // with timestamps
constexpr std::uint32_t kHeaders = 14 + 20 + 32;

// A fast link and a connection whose window has been opened wide.
class TcpLargeSegment : public testing::Test {
 protected:
  TcpLargeSegment() : network(Network::instance()) {
    network.let_devices_cut(true);
    network.reset({.delay = Duration::milliseconds(1), .bytes_per_second = 1'000'000'000, .queue_bytes = 64 << 20}, 1);
  }
  ~TcpLargeSegment() override {
    forget_tests();
    set_mtu(1500);
  }
  void warm() {
    forget_tests();
    connection.reset();
    connection = std::make_unique<Connection>(network);
    EXPECT_TRUE(connection->open());
    EXPECT_TRUE(connection->transfer(kMebibyte, Duration::seconds(60)));
    network.run(Duration::milliseconds(100));  // acknowledged, and not idle for so long that the window is old
  }
  void forget_tests() {
    network.look = nullptr;
    network.drop = nullptr;
  }
  // So that some of what is written waits.
  void narrow(std::uint32_t packets) {
    const NetCoreGuard core;
    client().cwnd = client().ssthresh = packets * kPacket;
  }
  tcp_pcb& client() { return *connection->client; }
  std::size_t segments() {
    std::size_t count = 0;
    for (const tcp_seg* list : {client().unacked, client().unsent})
      for (; list != nullptr; list = list->next) ++count;
    return count;
  }
  bool arrives(std::size_t bytes, Duration limit = Duration::seconds(120)) {
    return network.run(limit, [&] { return connection->received == bytes || connection->reset; }) &&
           !connection->damaged && !connection->reset;
  }
  static void set_mtu(unsigned bytes) {
    const NetCoreGuard core;
    EXPECT_TRUE(ethernet_interface(Network::kFirst)->set_mtu(bytes).ok());
  }
  // What is called for each frame with data of the first device.
  void each_sent(std::function<void(const Segment&, Frame&)> look) {
    network.look = [look = std::move(look)](std::size_t from, Frame& frame) {
      const Segment segment = segment_of(frame);
      if (from == Network::kFirst && segment.payload > 0) look(segment, frame);
    };
  }

  Network& network;
  std::unique_ptr<Connection> connection;
};

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
  network.drop = [](std::size_t, const Frame&) { return true; };
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

// A window that becomes smaller while a segment waits or is on its way.
TEST_F(TcpLargeSegment, NothingIsSentBeyondAWindowThatShrinks) {
  warm();
  constexpr std::uint32_t kScale = 7;
  for (const std::uint32_t window : {20'000u, 3 * 1448u, 1000u, 200'000u}) {
    const std::size_t before = connection->received;
    network.settings.loss = 0.02;
    std::uint32_t edge = client().snd_nxt + client().snd_wnd;  // what was announced before
    std::size_t beyond = 0;
    network.look = [&](std::size_t from, Frame& frame) {
      const Segment segment = segment_of(frame);
      if (from == Network::kFirst) {
        if (segment.payload > 0 && TCP_SEQ_GT(segment.sequence + segment.payload, edge)) ++beyond;
        return;
      }
      frame[34 + 14] = static_cast<std::uint8_t>((window >> kScale) >> 8);
      frame[34 + 15] = static_cast<std::uint8_t>(window >> kScale);
      edge = std::max(edge, segment.acknowledged + window,
                      [](std::uint32_t a, std::uint32_t b) { return TCP_SEQ_LT(a, b); });
    };
    connection->write(kMebibyte / 8);
    EXPECT_TRUE(arrives(before + kMebibyte / 8, Duration::seconds(600))) << window;
    EXPECT_EQ(beyond, 0u) << window;
    network.settings.loss = 0;
    network.run(Duration::seconds(1));
  }
}

TEST_F(TcpLargeSegment, AnMtuThatBecomesSmallerIsKept) {
  for (const bool cut : {true, false}) {
    warm();
    narrow(70);
    network.settings.loss = 0.02;
    connection->write(kMebibyte / 2);
    EXPECT_NE(client().unacked, nullptr);
    EXPECT_NE(client().unsent, nullptr);
    set_mtu(700);
    network.let_devices_cut(cut);
    network.run(Duration::microseconds(10));  // what had been handed to the device
    std::size_t largest = 0, fragments = 0;
    each_sent([&](const Segment&, Frame& frame) {
      largest = std::max(largest, frame.size());
      if ((frame[20] & 0x3f) != 0 || frame[21] != 0) ++fragments;
    });
    EXPECT_TRUE(arrives(kMebibyte / 2 * 3));
    EXPECT_GT(largest, 600u);
    EXPECT_LE(largest, 714u);
    EXPECT_EQ(fragments, 0u);
    set_mtu(1500);
    network.let_devices_cut(true);
    network.settings.loss = 0;
  }
}

// The interface does not cut any more: what was queued goes out packet by packet, the first time and again.
TEST_F(TcpLargeSegment, AnInterfaceMayCeaseToCut) {
  warm();
  narrow(70);
  network.settings.loss = 0.05;
  connection->write(kMebibyte / 2);
  EXPECT_NE(client().unsent, nullptr);
  {
    const NetCoreGuard core;
    ethernet_interface(Network::kFirst)->record().segmentation = 0;
  }
  std::size_t largest = 0;
  each_sent([&](const Segment&, Frame& frame) { largest = std::max(largest, frame.size()); });
  EXPECT_TRUE(arrives(kMebibyte / 2 * 3));
  EXPECT_EQ(largest, kHeaders + kPacket);
}

// The end of the data is the end of the last part, and of no other.
TEST_F(TcpLargeSegment, ASegmentWithAFinIsSplitBeforeIt) {
  warm();
  std::uint32_t fin = 0;
  std::size_t fins = 0, beyond = 0;
  const std::uint32_t end = client().snd_nxt + 30 * kPacket + 100;
  each_sent([&](const Segment& segment, Frame&) {
    if ((segment.flags & TCP_FIN) != 0) ++fins, fin = segment.sequence + static_cast<std::uint32_t>(segment.payload);
    if (TCP_SEQ_GT(segment.sequence + segment.payload, end)) ++beyond;
  });
  {
    const NetCoreGuard core;
    client().snd_wnd = 500;  // the persist timer splits a packet, too
  }
  connection->write(30 * kPacket + 100);
  {
    const NetCoreGuard core;
    EXPECT_EQ(tcp_shutdown(&client(), 0, 1), ERR_OK);
  }
  EXPECT_TRUE(arrives(kMebibyte + 30 * kPacket + 100));
  network.run(Duration::seconds(1));
  EXPECT_EQ(client().state, FIN_WAIT_2);
  EXPECT_EQ(fins, 1u);
  EXPECT_EQ(fin, end);
  EXPECT_EQ(beyond, 0u);
}

// Nagle's algorithm, and TF_MORE, hold back what does not fill a packet, and only that.
TEST_F(TcpLargeSegment, AnIncompleteEndWaits) {
  for (const bool nagle : {true, false}) {
    warm();
    {
      const NetCoreGuard core;
      if (nagle) tcp_nagle_enable(&client());
      else tcp_set_flags(&client(), TF_MORE);
    }
    const std::uint32_t begin = client().snd_nxt;
    connection->write(5 * kPacket + 100);
    EXPECT_EQ(client().snd_nxt, begin + 5 * kPacket);
    connection->write(kPacket - 100);  // a full one is not held back
    EXPECT_EQ(client().snd_nxt, begin + 6 * kPacket);
    connection->write(50);
    EXPECT_EQ(client().snd_nxt, begin + 6 * kPacket);
    network.run(Duration::milliseconds(20));
    EXPECT_EQ(client().snd_nxt, begin + 6 * kPacket + (nagle ? 50 : 0)) << "all has been acknowledged";
    const NetCoreGuard core;
    tcp_clear_flags(&client(), TF_MORE);
    tcp_output(&client());
    EXPECT_EQ(client().snd_nxt, begin + 6 * kPacket + 50);
  }
}

// Written by bytes, a segment has as many pieces as a device takes.
TEST_F(TcpLargeSegment, SmallWritesMakeNoLongChains) {
  warm();
  {
    const NetCoreGuard core;
    tcp_set_flags(&client(), TF_MORE);
    client().snd_wnd = 0;
  }
  for (std::size_t i = 0; i < 5000; ++i) connection->write(i % 40 + 1);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < 5000; ++i) bytes += i % 40 + 1;
  for (const tcp_seg* segment = client().unsent; segment != nullptr; segment = segment->next) {
    if (pbuf_clen(segment->p) > TCP_MOST_BUFFERS + 2) {
      EXPECT_LE(segment->len, kPacket);
    }
  }
  {
    const NetCoreGuard core;
    tcp_clear_flags(&client(), TF_MORE);
  }
  EXPECT_TRUE(arrives(kMebibyte + bytes));
}

// A segment whose headers wait for a neighbour's address is not split; it is sent again later.
TEST_F(TcpLargeSegment, ASegmentThatWaitsForANeighbourStaysWhole) {
  warm();
  Witness witness(network);
  {
    const NetCoreGuard core;
    etharp_cleanup_netif(&ethernet_interface(Network::kFirst)->record());
  }
  network.drop = [](std::size_t, const Frame& frame) { return frame[12] == 8 && frame[13] == 6; };  // ARP
  connection->write(100 * kPacket);
  network.run(Duration::seconds(3));
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 100 * kPacket));
  EXPECT_FALSE(witness.different());
}

// The least that a peer may ask for.
TEST_F(TcpLargeSegment, APeerMayTakeVeryShortPackets) {
  network.look = [](std::size_t from, Frame& frame) {
    const Segment segment = segment_of(frame);
    if (from != Network::kSecond || (segment.flags & TCP_SYN) == 0) return;
    for (std::size_t at = 54; at + 4 <= segment.payload_offset; at += frame[at] <= 1 ? 1 : frame[at + 1]) {
      if (frame[at] != 2) continue;
      frame[at + 2] = 0;
      frame[at + 3] = 48;
      break;
    }
  };
  connection = std::make_unique<Connection>(network);
  ASSERT_TRUE(connection->open());
  ASSERT_EQ(client().mss, 48);
  network.settings.loss = 0.01;
  std::size_t largest = 0;
  each_sent([&](const Segment& segment, Frame&) { largest = std::max(largest, segment.payload); });
  connection->write(100'000);
  EXPECT_TRUE(arrives(100'000, Duration::seconds(600)));
  EXPECT_EQ(largest, 36u);
}

// Reports that nobody would send: on odd bytes, beyond what was sent, overlapping. Nothing is believed that does not
// cover a packet, and all is well afterwards.
TEST_F(TcpLargeSegment, ReportsOfPartsOfPacketsMeanNothing) {
  warm();
  network.drop = [](std::size_t, const Frame&) { return true; };
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
