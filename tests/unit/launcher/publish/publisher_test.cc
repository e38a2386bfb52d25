// SPDX-License-Identifier: Apache-2.0
//
// Which ports are published, at which numbers, and when they are announced and withdrawn. QEMU is a
// fake; the host's ports are real.
//
// sources: launcher/net/ip_address.cc launcher/publish/host_port.cc
// sources: launcher/publish/listener_line.cc launcher/publish/management_ports.cc
// sources: launcher/publish/publisher.cc launcher/publish/relay.cc launcher/qemu/monitor.cc
// sources: launcher/support/files.cc

#include "publish/publisher.h"

#include <gtest/gtest.h>

#include "launcher/publish/fake_qemu.h"
#include "publish/host_port.h"

namespace moka {
namespace {

using Kind = PortNotice::Kind;

const IpAddress kLocal = IpAddress::v4_loopback();

GuestListener listener(const std::string& text) { return *parse_listener(text); }

// A port that nobody has, with a few free ones behind it.
std::uint16_t free_port() {
  for (std::uint16_t port = 21000; port < 30000; port = static_cast<std::uint16_t>(port + 10)) {
    bool is_free = true;
    for (std::uint16_t next = port; next < port + 5; ++next)
      is_free = is_free && probe_port(kLocal, Protocol::kTcp, next) == PortState::kFree;
    if (is_free) return port;
  }
  return 0;
}

// Holds a port of the host, as another program would.
UniqueFd take(std::uint16_t port) {
  BoundSocket bound = bind_port(kLocal, Protocol::kTcp, port);
  EXPECT_EQ(0, ::listen(bound.socket.get(), 1));
  return std::move(bound.socket);
}

class PublisherTest : public testing::Test {
 protected:
  void SetUp() override {
    plan_.addresses = {kLocal};
    port_ = free_port();
  }

  Publisher& publisher() {
    if (!publisher_)
      publisher_.emplace(plan_, qemu_.monitor(),
                         [this](const PortNotice& n) { said_.push_back(n); });
    return *publisher_;
  }
  void listen(const std::string& protocol_and_address, int offset = 0) {
    publisher().listen(listener(protocol_and_address + " " + std::to_string(port_ + offset)));
  }
  void unlisten(const std::string& protocol_and_address) {
    publisher().unlisten(listener(protocol_and_address + " " + std::to_string(port_)));
  }
  // Takes QEMU's next command, which must be this one, and answers it.
  void expect(const std::string& command, const std::string& answer = "") {
    EXPECT_EQ(qemu_.next_command(), command);
    qemu_.answer(answer);
    publisher().take_replies();
  }
  std::string add(int host_offset = 0, int guest_offset = 0) const {
    return "hostfwd_add network tcp:127.0.0.1:" + std::to_string(port_ + host_offset) +
           "-:" + std::to_string(port_ + guest_offset);
  }
  std::string remove(int offset = 0) const {
    return "hostfwd_remove network tcp:127.0.0.1:" + std::to_string(port_ + offset);
  }

  PublisherPlan plan_;
  test::FakeQemu qemu_;
  std::optional<Publisher> publisher_;
  std::vector<PortNotice> said_;
  std::uint16_t port_ = 0;
};

TEST_F(PublisherTest, AListenerIsAnnouncedOnceItCanBeReached) {
  listen("tcp *");
  EXPECT_TRUE(said_.empty());
  expect(add());
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].kind, Kind::kPublished);
  EXPECT_EQ(said_[0].address, kLocal);
  EXPECT_EQ(said_[0].host_port, port_);
  EXPECT_EQ(said_[0].reason, "");
}

TEST_F(PublisherTest, ItIsWithdrawnWithTheLastOfItsListeners) {
  listen("tcp 0.0.0.0");
  listen("tcp 0.0.0.0");
  expect(add());
  unlisten("tcp 0.0.0.0");
  EXPECT_EQ(qemu_.next_command(), "");
  unlisten("tcp 0.0.0.0");
  EXPECT_EQ(said_.back().kind, Kind::kWithdrawn);
  // It listens again before QEMU has closed the port: that must not look taken.
  listen("tcp 0.0.0.0");
  expect(remove(), "host forwarding rule for tcp:127.0.0.1 removed\r\n");
  expect(add());
  EXPECT_EQ(said_.back().kind, Kind::kPublished);
  EXPECT_EQ(said_.back().host_port, port_);
}

TEST_F(PublisherTest, AListenerThatIsGoneAtOnceLeavesNothing) {
  listen("tcp *");
  unlisten("tcp *");
  expect(add());
  expect(remove());
  EXPECT_EQ(qemu_.next_command(), "");
  EXPECT_TRUE(said_.empty());
  unlisten("tcp *");  // a guest that counts wrongly
  listen("tcp *");
  expect(add());
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(PublisherTest, ATakenNumberIsReplacedByTheNextAndSaid) {
  const UniqueFd other = take(port_);
  listen("tcp *");
  listen("tcp *", 1);
  expect(add(1, 0));
  expect(add(2, 1));
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_EQ(said_[0].host_port, port_ + 1);
  EXPECT_EQ(said_[0].guest_port, port_);
  EXPECT_EQ(said_[0].reason, std::to_string(port_) + " is taken on 127.0.0.1");
  EXPECT_EQ(said_[1].host_port, port_ + 2);
}

TEST_F(PublisherTest, ANumberThatQemuCannotHaveIsReplacedToo) {
  listen("tcp *");
  expect(add(), "could not set up host forwarding rule\r\n");
  expect(add(1, 0));
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].host_port, port_ + 1);
  EXPECT_NE(said_[0].reason, "");
}

TEST_F(PublisherTest, AMonitorThatRefusesEverythingEndsTheTrying) {
  listen("tcp *");
  for (int tries = 0; tries < 1000 && !qemu_.next_command().empty(); ++tries) {
    qemu_.refuse("no such netdev");
    publisher().take_replies();
  }
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].kind, Kind::kRefused);
}

TEST_F(PublisherTest, LoopbackAndManagementStayInTheVmUnlessNamed) {
  plan_.management = ManagementPorts::opened_by(
      {"-agentlib:jdwp=transport=dt_socket,server=y,address=*:" + std::to_string(port_ + 1)});
  plan_.mappings = {{Protocol::kTcp,
                     static_cast<std::uint16_t>(port_ + 4),
                     static_cast<std::uint16_t>(port_ + 2),
                     {kLocal}}};
  listen("tcp 127.0.0.1");
  listen("tcp *", 1);
  EXPECT_EQ(qemu_.next_command(), "");
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_EQ(said_[0].kind, Kind::kRefused);
  EXPECT_TRUE(said_[0].is_expected);
  EXPECT_EQ(said_[1].kind, Kind::kRefused);
  EXPECT_NE(said_[1].reason.find("debugger; -p"), std::string::npos);
  listen("tcp 127.0.0.1", 2);
  expect(add(4, 2));
  EXPECT_EQ(said_.back().kind, Kind::kPublished);
}

TEST_F(PublisherTest, ANamedPortGoesWhereItWasSentOrNowhere) {
  plan_.mappings = {{Protocol::kTcp, port_, port_, {kLocal}}};
  listen("tcp *");
  expect(add(), "could not set up host forwarding rule\r\n");
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].kind, Kind::kRefused);
  EXPECT_EQ(qemu_.next_command(), "");
}

TEST_F(PublisherTest, NamedHostPortsAreLeftFree) {
  plan_.mappings = {{Protocol::kTcp, port_, 9, {kLocal}}};
  listen("tcp *");
  expect(add(1, 0));
}

TEST_F(PublisherTest, DatagramsArePublishedByNameOnly) {
  plan_.mappings = {{Protocol::kUdp, port_, port_, {kLocal}}};
  listen("udp *", 1);
  EXPECT_EQ(qemu_.next_command(), "");
  listen("udp *");
  const std::string number = std::to_string(port_);
  expect("hostfwd_add network udp:127.0.0.1:" + number + "-:" + number);
  EXPECT_EQ(said_.back().protocol, Protocol::kUdp);
}

TEST_F(PublisherTest, NothingIsPublishedWhereTheUserWantsNothing) {
  plan_.publishes = false;
  listen("tcp *");
  EXPECT_EQ(qemu_.next_command(), "");
  EXPECT_TRUE(said_.empty());
}

TEST_F(PublisherTest, WhatTakesIPv6OnlyCannotBeReached) {
  listen("tcp ::");
  EXPECT_EQ(qemu_.next_command(), "");
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].kind, Kind::kRefused);
}

TEST_F(PublisherTest, OnATapTheVmsOwnAddressIsAnnounced) {
  plan_.is_forwarded = false;
  plan_.addresses = {*IpAddress::parse("192.168.7.2")};
  listen("tcp *");
  EXPECT_EQ(qemu_.next_command(), "");
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_EQ(said_[0].address->text(), "192.168.7.2");
  unlisten("tcp *");
  EXPECT_EQ(said_.back().kind, Kind::kWithdrawn);
}

TEST_F(PublisherTest, IPv6IsRelayedToTheRule) {
  const IpAddress v6 = IpAddress::v6_loopback();
  if (probe_port(v6, Protocol::kTcp, 0) != PortState::kFree) GTEST_SKIP() << "this host has no ::1";
  plan_.addresses = {kLocal, v6};
  listen("tcp *");
  // Not before it leads somewhere.
  const SocketAddress place(v6, port_);
  const UniqueFd early(::socket(AF_INET6, SOCK_STREAM, 0));
  EXPECT_NE(0, ::connect(early.get(), place.get(), place.size));
  const UniqueFd rule = take(port_);  // as QEMU does
  expect(add());
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_EQ(said_[1].address, v6);
  const UniqueFd client(::socket(AF_INET6, SOCK_STREAM, 0));
  ASSERT_EQ(0, ::connect(client.get(), place.get(), place.size));
  publisher().relay().pump();
  EXPECT_EQ(publisher().relay().connections(), 1u);
}

TEST(ListenerLine, SaysProtocolAddressAndPort) {
  EXPECT_FALSE(listener("tcp * 80").address);
  EXPECT_TRUE(listener("tcp ::1 80").is_loopback());
  EXPECT_FALSE(listener("tcp :: 80").answers_v4());
  EXPECT_EQ(listener("udp 10.0.2.15 53").protocol, Protocol::kUdp);
  for (const char* text : {"", "tcp", "tcp *", "tcp * 0", "tcp * 65536", "sctp * 1", "tcp x 1",
                           "tcp * 1 2", "tcp  * 1"})
    EXPECT_FALSE(parse_listener(text)) << text;
}

TEST(ManagementPorts, AreFoundInTheOptionsThatOpenThem) {
  const auto purpose = [](std::vector<std::string> options, std::uint16_t port) {
    return ManagementPorts::opened_by(options).purpose_of(port);
  };
  for (const char* address : {"5005", "*:5005", "0.0.0.0:5005", "[::]:5005"})
    EXPECT_EQ(purpose({"-agentlib:jdwp=transport=dt_socket,address=" + std::string(address)}, 5005),
              "the debugger");
  EXPECT_EQ(purpose({"-Xrunjdwp:server=y,address=8000"}, 8000), "the debugger");
  EXPECT_EQ(purpose({"-agentlib:jdwp=server=y,address=5005"}, 5006), "");
  EXPECT_EQ(purpose({"-Dcom.sun.management.jmxremote.port=9010"}, 9010), "JMX");
  // Its second port may be any that is handed out, unless it is fixed.
  EXPECT_EQ(purpose({"-Dcom.sun.management.jmxremote.port=9010"}, 40000), "JMX");
  EXPECT_EQ(purpose({"-Dcom.sun.management.jmxremote"}, 40000), "JMX");
  EXPECT_EQ(purpose({"-Dcom.sun.management.jmxremote.port=9010",
                     "-Dcom.sun.management.jmxremote.rmi.port=9011"},
                    40000),
            "JMX");  // the local connector's
  EXPECT_EQ(purpose({"-Dcom.sun.management.jmxremote.rmi.port=9011"}, 9011), "JMX");
  EXPECT_EQ(purpose({"-Dserver.port=8080"}, 8080), "");
}

}  // namespace
}  // namespace moka
