// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/port_table.cc kernel/net/inet_address.cc kernel/net/keyed_hash.cc kernel/device/random.cc kernel/device/chacha20.cc kernel/base/format.cc kernel/sync/spinlock.cc
#include "net/port_table.h"

#include <gtest/gtest.h>

#include <string>

namespace mokapot {
namespace {

// The table never looks into a socket, so the tests need none: only its address.
InetSocket& socket_number(std::uintptr_t number) {
  return *reinterpret_cast<InetSocket*>(0x1000 + number * 0x1000);  // SAFETY: never dereferenced
}

struct Holder : PortHolder {
  explicit Holder(std::uintptr_t number) : PortHolder(socket_number(number)) {}
  ~Holder() { release_port(protocol, *this); }
  InetProtocol protocol = InetProtocol::kTcp;
};

class PortTableTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { initialise_port_table(); }
};

const InetAddress kLoopback = InetAddress::loopback(kFamilyIpv4);
const InetAddress kAny4 = InetAddress::any(kFamilyIpv4);
const InetAddress kAny6 = InetAddress::any(kFamilyIpv6);

bool claims(Holder& holder, const InetAddress& address, std::uint16_t port, bool reuse_address = false,
            bool reuse_port = false, V6Only v6_only = V6Only::kNo) {
  return claim_port(holder.protocol, holder, {{address, port, 0}, reuse_address, reuse_port, v6_only, 0}).ok();
}

std::uintptr_t listener_for(const InetAddress& to, std::uint16_t port, std::uint16_t from_port = 9) {
  std::uintptr_t found = 0;
  visit_listener({to, port, 0}, {kLoopback, from_port, 0}, [](InetSocket& socket, void* context) {
    *static_cast<std::uintptr_t*>(context) = reinterpret_cast<std::uintptr_t>(&socket) / 0x1000 - 1;
  }, &found);
  return found;
}

TEST_F(PortTableTest, OneSocketAPort) {
  Holder a(1), b(2), c(3);
  EXPECT_TRUE(claims(a, kLoopback, 80));
  EXPECT_FALSE(claims(b, kLoopback, 80));
  EXPECT_FALSE(claims(b, kAny4, 80));
  EXPECT_FALSE(claims(b, kAny6, 80));
  EXPECT_TRUE(claims(b, kAny6, 80, false, false, V6Only::kYes));
  EXPECT_TRUE(claims(c, InetAddress::from_v4(127, 0, 0, 2), 80));
}

TEST_F(PortTableTest, ReuseOfAddressesIsForThoseWhoDoNotListen) {
  Holder a(1), b(2), c(3);
  EXPECT_TRUE(claims(a, kLoopback, 81, true));
  EXPECT_TRUE(claims(b, kLoopback, 81, true));
  EXPECT_TRUE(mark_listening(a).ok());
  EXPECT_FALSE(mark_listening(b).ok());
  EXPECT_FALSE(claims(c, kLoopback, 81, true));
}

TEST_F(PortTableTest, ListenersThatShareAPortEachGetConnections) {
  Holder a(1), b(2);
  ASSERT_TRUE(claims(a, kLoopback, 82, false, true));
  ASSERT_TRUE(claims(b, kLoopback, 82, false, true));
  ASSERT_TRUE(mark_listening(a).ok());
  ASSERT_TRUE(mark_listening(b).ok());
  int taken[3] = {};
  for (std::uint16_t port = 1; port < 200; ++port) ++taken[listener_for(kLoopback, 82, port)];
  EXPECT_GT(taken[1], 30);
  EXPECT_GT(taken[2], 30);
  EXPECT_EQ(listener_for(kLoopback, 82, 7), listener_for(kLoopback, 82, 7));
}

TEST_F(PortTableTest, TheNearestListenerIsFound) {
  Holder wild(1), own(2), both(3);
  ASSERT_TRUE(claims(wild, kAny4, 83, true));
  ASSERT_TRUE(claims(own, kLoopback, 83, true));
  ASSERT_TRUE(claims(both, kAny6, 83, true));
  ASSERT_TRUE(mark_listening(own).ok());
  EXPECT_EQ(listener_for(InetAddress::from_v4(10, 0, 0, 1), 83), 0u);
  EXPECT_EQ(listener_for(kLoopback, 83), 2u);
  EXPECT_EQ(listener_for(kLoopback, 84), 0u);
}

TEST_F(PortTableTest, ChosenPortsAreEphemeralAndDistinct) {
  Holder a(1), b(2);
  ASSERT_TRUE(claims(a, kAny4, 0, true));
  ASSERT_TRUE(claims(b, kAny4, 0, true));
  EXPECT_GE(a.local.port, 32768);
  EXPECT_NE(a.local.port, b.local.port);
}

std::string shown(const InetAddress& address) {
  char text[kInetAddressText];
  format_inet_address(address, text, sizeof(text));
  return text;
}

TEST(InetAddress, IsShownAsInetNtopDoes) {
  EXPECT_EQ(shown(InetAddress::from_v4(10, 0, 2, 15)), "10.0.2.15");
  EXPECT_EQ(shown(InetAddress()), "::");
  EXPECT_EQ(shown(InetAddress::loopback(kFamilyIpv6)), "::1");
  const std::uint8_t link[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xab, 0xcd};
  EXPECT_EQ(shown(InetAddress::from_v6(link)), "fe80::1:0:0:abcd");
  const std::uint8_t full[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
  EXPECT_EQ(shown(InetAddress::from_v6(full)), "2001:db8:1:2:3:4:5:6");
}

TEST(InetAddress, ParsesWhatSocketsTake) {
  SocketAddress given;
  given.bytes[0] = kFamilyIpv4;
  given.bytes[2] = 0x1f, given.bytes[3] = 0x90;
  given.bytes[4] = 127, given.bytes[7] = 1;
  given.size = 16;
  const auto parsed = parse_inet_address(given, kFamilyIpv4);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().port, 8080);
  EXPECT_TRUE(parsed.value().address.is_loopback());
  EXPECT_EQ(parse_inet_address(given, kFamilyIpv6).error(), Errno::kEINVAL);
  given.size = 15;
  EXPECT_EQ(parse_inet_address(given, kFamilyIpv4).error(), Errno::kEINVAL);
  given.size = 28;
  EXPECT_EQ(parse_inet_address(given, kFamilyIpv6).error(), Errno::kEAFNOSUPPORT);
}

}  // namespace
}  // namespace mokapot
