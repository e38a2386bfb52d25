// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/net/ip_address.cc launcher/net/network_options.cc

#include "net/network_options.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

PortMapping mapping(std::string_view text) {
  const Result<PortMapping> parsed = parse_port_mapping(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed.value() : PortMapping();
}

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->text(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::1")->text(), "2001:db8::1");
  EXPECT_EQ(endpoint_text(*IpAddress::parse("::1"), 80), "[::1]:80");
  EXPECT_EQ(endpoint_text(*IpAddress::parse("127.0.0.1"), 80), "127.0.0.1:80");
  for (const char* wrong : {"", "localhost", "1.2.3", "1.2.3.256", "[::1]", "::1%lo", "1.2.3.4 "})
    EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(IpAddress, KnowsLoopbackAndAny) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(IpAddress::parse(text)->is_loopback()) << text;
  for (const char* text : {"0.0.0.0", "128.0.0.1", "::", "::ffff:1.2.3.4", "fe80::1"})
    EXPECT_FALSE(IpAddress::parse(text)->is_loopback()) << text;
  EXPECT_TRUE(IpAddress::parse("::")->is_any());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_any());
  EXPECT_FALSE(IpAddress::parse("::1")->is_any());
}

TEST(PortMapping, HasOneToThreePartsAndAProtocol) {
  EXPECT_EQ(mapping("8080").host_port, 8080);
  EXPECT_EQ(mapping("8080").guest_port, 8080);
  EXPECT_EQ(mapping("9000:8080").host_port, 9000);
  EXPECT_EQ(mapping("9000:8080").guest_port, 8080);
  EXPECT_FALSE(mapping("9000:8080").address);
  EXPECT_EQ(mapping("127.0.0.2:9000:8080").address->text(), "127.0.0.2");
  EXPECT_EQ(mapping("[::1]:9000:8080").address->text(), "::1");
  EXPECT_EQ(mapping("[::1]:9000:8080").host_port, 9000);
  EXPECT_EQ(mapping("53/udp").protocol, Protocol::kUdp);
  EXPECT_EQ(mapping("5353:53/tcp").protocol, Protocol::kTcp);
}

TEST(PortMapping, RefusesNonsense) {
  for (const char* text : {"", "0", "65536", "a", "80:", ":80", "80:a", "1:2:3", "x:1:2", "80/sctp",
                           "80/", "::1:80:80", "[::1]80", "[::1:80:80", "-1", "80 "})
    EXPECT_FALSE(parse_port_mapping(text)) << text;
}

TEST(NetworkOptions, NamesWhatTheVmIsConnectedTo) {
  NetworkOptions options;
  EXPECT_TRUE(read_network_kind("tap:tap0", options));
  EXPECT_EQ(options.kind, NetworkOptions::Kind::kTap);
  EXPECT_EQ(options.device, "tap0");
  EXPECT_TRUE(read_network_kind("none", options));
  EXPECT_EQ(options.kind, NetworkOptions::Kind::kNone);
  for (const char* text :
       {"", "tap", "tap:", "bridge:", "user:x", "none:", "tap:a/b", "tap:a-name-that-is-too-long"})
    EXPECT_FALSE(read_network_kind(text, options)) << text;
}

TEST(NetworkOptions, AddressesHaveAPrefix) {
  NetworkOptions options;
  EXPECT_TRUE(read_interface_address("192.168.7.2/24", options));
  EXPECT_TRUE(read_interface_address("fd00::2/64", options));
  EXPECT_EQ(options.addresses[1].prefix, 64u);
  for (const char* text : {"192.168.7.2", "192.168.7.2/", "192.168.7.2/33", "192.168.7.2/0",
                           "fd00::2/129", "127.0.0.1/8", "0.0.0.0/8", "x/8"})
    EXPECT_FALSE(read_interface_address(text, options)) << text;
}

// What each makes no sense beside.
TEST(NetworkOptions, ContradictionsAreRefused) {
  const auto problem = [](auto change) {
    NetworkOptions options;
    change(options);
    const Result<void> checked = check_network_options(options);
    return checked ? "" : checked.error().message;
  };
  using Kind = NetworkOptions::Kind;
  EXPECT_EQ(problem([](auto&) {}), "");
  EXPECT_NE(problem([](auto& o) {
              o.kind = Kind::kTap;
              o.mappings = {mapping("80")};
            }),
            "");
  EXPECT_NE(problem([](auto& o) { (void)read_interface_address("10.0.0.1/8", o); }), "");
  EXPECT_NE(problem([](auto& o) { (void)read_mtu("9000", o); }), "");
  EXPECT_EQ(problem([](auto& o) { (void)read_mtu("1280", o); }), "");
  EXPECT_NE(problem([](auto& o) {
              o.kind = Kind::kNone;
              o.capture = "/x";
            }),
            "");
  EXPECT_NE(problem([](auto& o) {
              o.kind = Kind::kTap;
              (void)read_gateway("10.0.0.1", o);
            }),
            "");
  EXPECT_NE(problem([](auto& o) {
              o.kind = Kind::kTap;
              o.asks_dhcp = true;
              (void)read_interface_address("10.0.0.1/8", o);
            }),
            "");
  EXPECT_NE(problem([](auto& o) { o.mappings = {mapping("80:1"), mapping("80:2")}; }), "");
  EXPECT_NE(problem([](auto& o) {
              o.mappings = {mapping("80:1"), mapping("127.0.0.1:80:2")};
            }),
            "");
  EXPECT_EQ(
      problem([](auto& o) {
        o.mappings = {mapping("127.0.0.1:80:1"), mapping("127.0.0.2:80:2"), mapping("80:1/udp")};
      }),
      "");
  EXPECT_NE(problem([](auto& o) { o.mappings = {mapping("[::1]:80:1/udp")}; }), "");
}

}  // namespace
}  // namespace moka
