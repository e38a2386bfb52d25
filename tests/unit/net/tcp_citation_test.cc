// SPDX-License-Identifier: Apache-2.0
// Segments that are sent again while a copy of them still lies somewhere.
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

#include "net/ethernet_interface.h"
#include "net/simulated_network.h"

#include "lwip/etharp.h"

namespace mokapot {
namespace {

using simulated::Connection;
using simulated::Frame;
using simulated::Network;
using simulated::Witness;

// Slower than the first time-out, and of neighbours that know each other.
Network& slow_network(std::uint32_t seed) {
  Network& network = Network::instance();
  network.reset({.delay = Duration::milliseconds(1)}, seed);
  EXPECT_TRUE(Connection(network).open());
  network.run(Duration::seconds(1));
  network.settings.delay = Duration::milliseconds(900);
  return network;
}

// The first copies are on their way for longer than the time-out; the second ones lie in the ring when the
// first ones' acknowledgement comes.
TEST(TcpCitation, ASecondCopyInTheRingKeepsItsBytes) {
  Network& network = slow_network(1);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  const Witness witness(network);
  connection.write(3000);
  network.run(Duration::milliseconds(100));
  network.device(Network::kFirst).stalled = true;  // the link is slow: a retransmission waits
  ASSERT_TRUE(network.run(Duration::seconds(20), [&] { return connection.received == 3000; }));
  ASSERT_TRUE(network.run(Duration::seconds(60), [&] { return network.device(Network::kFirst).in_ring() > 0; }))
      << "nothing was sent again";
  network.run(Duration::seconds(5));  // the acknowledgement has come, and the sender has let go
  network.device(Network::kFirst).stalled = false;
  network.device(Network::kFirst).send();
  EXPECT_GT(witness.repeated(), 0u);
  EXPECT_FALSE(witness.different());
  EXPECT_FALSE(connection.damaged);
}

// The same in our own backlog, behind a ring that is full.
TEST(TcpCitation, ASecondCopyInTheBacklogKeepsItsBytes) {
  Network& network = slow_network(2);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  const Witness witness(network);
  connection.write(3000);
  network.run(Duration::milliseconds(100));
  auto& device = network.device(Network::kFirst);
  device.stalled = true;
  device.ring_size = 0;
  network.run(Duration::seconds(30));
  device.stalled = false;
  device.ring_size = 256;
  device.deliver(Frame(60));  // the interrupt that says that there is room
  network.run(Duration::seconds(5));
  EXPECT_EQ(connection.received, 3000u);
  EXPECT_GT(witness.repeated(), 0u);
  EXPECT_FALSE(witness.different());
  EXPECT_FALSE(connection.damaged);
}

// And in the queue for a neighbour whose address is not known any more.
TEST(TcpCitation, ASecondCopyThatWaitsForANeighbourKeepsItsBytes) {
  Network& network = slow_network(3);
  Connection connection(network);
  ASSERT_TRUE(connection.open());
  const Witness witness(network);
  connection.write(3000);
  network.run(Duration::milliseconds(100));
  {
    const NetCoreGuard core;
    etharp_cleanup_netif(&ethernet_interface(Network::kFirst)->record());
  }
  network.drop = [](std::size_t, const Frame& frame) { return frame[12] == 8 && frame[13] == 6; };  // ARP
  network.run(Duration::seconds(2) + Duration::milliseconds(500));
  network.drop = nullptr;
  EXPECT_TRUE(network.run(Duration::seconds(60), [&] { return witness.repeated() > 0; }));
  EXPECT_FALSE(witness.different());
  EXPECT_EQ(connection.received, 3000u);
  EXPECT_FALSE(connection.damaged);
}

}  // namespace
}  // namespace mokapot
