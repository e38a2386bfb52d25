// SPDX-License-Identifier: Apache-2.0
// Segments of many packets where only a part may be sent: windows, the MTU, interfaces, Nagle's algorithm.
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

#include "net/large_segment_fixture.h"

#include "lwip/etharp.h"

namespace mokapot {
namespace {

using simulated::Connection;
using simulated::Frame;
using simulated::kHeaders;
using simulated::kMebibyte;
using simulated::kPacket;
using simulated::Network;
using simulated::Segment;
using simulated::segment_of;
using simulated::Witness;

class TcpSegmentSplit : public simulated::LargeSegmentTest {};

// A window that becomes smaller while a segment waits or is on its way.
TEST_F(TcpSegmentSplit, NothingIsSentBeyondAWindowThatShrinks) {
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

TEST_F(TcpSegmentSplit, AnMtuThatBecomesSmallerIsKept) {
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
TEST_F(TcpSegmentSplit, AnInterfaceMayCeaseToCut) {
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
TEST_F(TcpSegmentSplit, ASegmentWithAFinIsSplitBeforeIt) {
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
TEST_F(TcpSegmentSplit, AnIncompleteEndWaits) {
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
TEST_F(TcpSegmentSplit, SmallWritesMakeNoLongChains) {
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
TEST_F(TcpSegmentSplit, ASegmentThatWaitsForANeighbourStaysWhole) {
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
TEST_F(TcpSegmentSplit, APeerMayTakeVeryShortPackets) {
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

// An acknowledgement that is due goes out without the data that would have carried it.
TEST_F(TcpSegmentSplit, AnAcknowledgementDoesNotWaitForASegmentThatCannotBeSplit) {
  warm();
  std::size_t empty = 0;
  network.look = [&](std::size_t from, Frame& frame) {
    const Segment segment = segment_of(frame);
    if (from == Network::kFirst && segment.payload == 0 && (segment.flags & TCP_ACK) != 0) ++empty;
  };
  {
    const NetCoreGuard core;
    client().snd_wnd = 0;
  }
  connection->write(10 * kPacket);
  {
    const NetCoreGuard core;
    ASSERT_NE(client().unsent, nullptr);
    pbuf_ref(client().unsent->p);
    client().snd_wnd = 3 * kPacket;
    tcp_ack_now(&client());
    EXPECT_EQ(tcp_output(&client()), ERR_MEM);
    EXPECT_EQ(client().flags & TF_ACK_NOW, 0);
  }
  network.run(Duration::microseconds(10));
  EXPECT_EQ(empty, 1u);
  pbuf_free(client().unsent->p);
  EXPECT_TRUE(arrives(kMebibyte + 10 * kPacket));
}

// On an interface that does not cut, whose MTU has become smaller than the packets that are out.
TEST_F(TcpSegmentSplit, AProbeIsTheTailWhateverTheMtu) {
  warm();
  lose_everything();
  connection->write(10 * kPacket);
  network.run(Duration::microseconds(10));
  set_mtu(700);
  network.let_devices_cut(false);
  std::uint32_t end = 0;
  std::size_t largest = 0;
  each_sent([&](const Segment& segment, Frame& frame) {
    if (end == 0) end = segment.sequence + static_cast<std::uint32_t>(segment.payload);
    largest = std::max(largest, frame.size());
  });
  network.run(Duration::milliseconds(100));
  EXPECT_EQ(end, client().snd_nxt);
  EXPECT_LE(largest, 714u);
  network.drop = nullptr;
  EXPECT_TRUE(arrives(kMebibyte + 10 * kPacket));
}

}  // namespace
}  // namespace mokapot
