// SPDX-License-Identifier: Apache-2.0
// Segments that follow each other, given to a device that cuts them itself.
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

#include "net/simulated_network.h"

namespace mokapot {
namespace {

using simulated::Connection;
using simulated::Frame;
using simulated::Network;
using simulated::segment_of;
using simulated::Witness;

[[maybe_unused]] const bool kOffered = simulated::Device::offers_segmentation = true;

constexpr std::size_t kMebibyte = 1 << 20;
constexpr std::size_t kSegment = 1460 - 12;  // with timestamps

Network& fast_network(std::uint32_t seed) {
  Network& network = Network::instance();
  network.reset({.delay = Duration::milliseconds(1), .bytes_per_second = 1'000'000'000, .queue_bytes = 64 << 20}, seed);
  EXPECT_TRUE(Connection(network).open());
  network.run(Duration::seconds(1));
  return network;
}

std::uint16_t identification(const Frame& frame) { return static_cast<std::uint16_t>(frame[18] << 8 | frame[19]); }

TEST(TcpOffload, ManySegmentsAreOnePacketOfFewPieces) {
  Network& network = fast_network(1);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  network.frames_sent[Network::kFirst] = 0;
  network.device(Network::kFirst).most_pieces = 0;
  ASSERT_TRUE(connection.transfer(kMebibyte, Duration::seconds(60)));
  EXPECT_FALSE(connection.damaged);
  EXPECT_LT(network.frames_sent[Network::kFirst], kMebibyte / kSegment / 8);
  // 64 KiB of buffers of 16 KiB, the last one's segment of two, and the headers.
  EXPECT_LE(network.device(Network::kFirst).most_pieces, 8u);
}

// The device counts on from a packet's identification, so the next packet's lies behind all of them.
TEST(TcpOffload, EachSegmentHasAnIdentificationOfItsOwn) {
  Network& network = fast_network(2);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  std::size_t packets = 0, wrong = 0;
  std::uint16_t least_next = 0;
  network.look = [&](std::size_t from, const Frame& frame) {
    const auto segment = segment_of(frame);
    if (from != Network::kFirst || segment.payload == 0) return;
    if (packets++ != 0 && static_cast<std::int16_t>(identification(frame) - least_next) < 0) ++wrong;
    least_next = static_cast<std::uint16_t>(identification(frame) + (segment.payload + kSegment - 1) / kSegment);
  };
  ASSERT_TRUE(connection.transfer(kMebibyte, Duration::seconds(60)));
  EXPECT_GT(packets, 10u);
  EXPECT_EQ(wrong, 0u);
}

TEST(TcpOffload, WhatIsLostIsSentAgainAsItWas) {
  Network& network = fast_network(3);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  const Witness witness(network);
  network.settings.loss = 0.1;
  ASSERT_TRUE(connection.transfer(kMebibyte / 2, Duration::seconds(600)));
  EXPECT_FALSE(connection.damaged);
  EXPECT_GT(witness.repeated(), 0u);
  EXPECT_FALSE(witness.different());
}

// Segments whose pieces have become one: the first one's reference keeps the bytes of all. The memory of buffers that
// are freed is overwritten.
TEST(TcpOffload, AcknowledgedSegmentsInTheRingKeepTheirBytes) {
  Network& network = fast_network(4);
  network.settings.delay = Duration::milliseconds(900);  // longer than the first time-out
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  const Witness witness(network);
  connection.write(8 * kSegment);
  network.run(Duration::milliseconds(100));
  network.device(Network::kFirst).stalled = true;
  ASSERT_TRUE(network.run(Duration::seconds(20), [&] { return connection.received == 8 * kSegment; }));
  ASSERT_TRUE(network.run(Duration::seconds(60), [&] { return network.device(Network::kFirst).in_ring() > 0; }))
      << "nothing was sent again";
  network.run(Duration::seconds(5));
  network.device(Network::kFirst).stalled = false;
  network.device(Network::kFirst).send();
  EXPECT_GT(witness.repeated(), 0u);
  EXPECT_FALSE(witness.different());
}

}  // namespace
}  // namespace mokapot
