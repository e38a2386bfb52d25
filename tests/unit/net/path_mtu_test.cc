// SPDX-License-Identifier: Apache-2.0
// What ICMPv6 says of a path's MTU, and what is believed of it (RFC 8201).
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

#include <cstring>

#include "net/ethernet_interface.h"
#include "net/simulated_network.h"
#include "net/stack.h"

#include "lwip/nd6.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip6.h"

namespace mokapot {
namespace {

using simulated::Network;

class PathMtu : public testing::Test {
 protected:
  PathMtu() {
    Network::instance();
    interface = ethernet_interface(Network::kFirst);
    const NetCoreGuard core;
    netif& record = interface->record();
    IP6_ADDR(&peer, PP_HTONL(0xfe800000), 0, 0, PP_HTONL(0x99));
    ip6_addr_assign_zone(&peer, IP6_UNICAST, &record);
    pbuf* packet = pbuf_alloc(PBUF_IP, 8, PBUF_RAM);  // puts the peer into the cache of destinations
    const u8_t* address = nullptr;
    (void)nd6_get_next_hop_addr_or_queue(&record, packet, &peer, &address);
    pbuf_free(packet);
  }
  ~PathMtu() override { EXPECT_TRUE(set_mtu(1500)); }

  bool set_mtu(unsigned bytes) {
    const NetCoreGuard core;
    return interface->set_mtu(bytes).ok();
  }
  void packet_too_big(std::uint32_t mtu) {
    const NetCoreGuard core;
    pbuf* message = pbuf_alloc(PBUF_IP, sizeof(icmp6_hdr) + IP6_HLEN, PBUF_RAM);
    std::memset(message->payload, 0, message->len);
    auto* header = static_cast<icmp6_hdr*>(message->payload);
    header->type = ICMP6_TYPE_PTB;
    header->data = lwip_htonl(mtu);
    auto* inner = reinterpret_cast<ip6_hdr*>(header + 1);
    ip6_addr_copy_to_packed(inner->dest, peer);
    nd6_input(message, &interface->record());
  }
  unsigned mtu() {
    const NetCoreGuard core;
    return nd6_get_destination_mtu(&peer, &interface->record());
  }

  EthernetInterface* interface = nullptr;
  ip6_addr_t peer = {};
};

// Anybody on the way can say it. With 48 bytes a fragment would have room for nothing.
TEST_F(PathMtu, NoPathHasLessThanTheLeast) {
  for (const std::uint32_t bytes : {0u, 1u, 48u, 55u, 60u, 1279u}) {
    packet_too_big(bytes);
    EXPECT_EQ(mtu(), 1500u) << bytes;
  }
}

TEST_F(PathMtu, ItOnlyBecomesLess) {
  packet_too_big(9000);
  EXPECT_EQ(mtu(), 1500u);
  packet_too_big(0xffffffff);
  EXPECT_EQ(mtu(), 1500u);
  EXPECT_TRUE(set_mtu(1450));
  EXPECT_EQ(mtu(), 1450u) << "the interface's is a limit";
  packet_too_big(1400);
  EXPECT_EQ(mtu(), 1400u);
  packet_too_big(1450);
  EXPECT_EQ(mtu(), 1400u);
  packet_too_big(1280);
  EXPECT_EQ(mtu(), 1280u);
  packet_too_big(1000);
  EXPECT_EQ(mtu(), 1280u);
}

}  // namespace
}  // namespace mokapot
