// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/address_text.cc lwip/ipv4/ip4_addr.c lwip/ipv6/ip6_addr.c lwip/def.c
#include "net/address_text.h"

#include <gtest/gtest.h>

#include <string>

namespace mokapot {
namespace {

std::string shown(const ip_addr_t& address) {
  char text[IPADDR_STRLEN_MAX];
  return IP_IS_V6_VAL(address) ? ip6addr_ntoa_r(ip_2_ip6(&address), text, sizeof(text))
                               : ip4addr_ntoa_r(ip_2_ip4(&address), text, sizeof(text));
}

std::string parsed(std::string_view text) {
  const auto result = parse_address(text);
  return result.ok() ? shown(result.value()) : "refused";
}

TEST(AddressText, TakesBothFamilies) {
  EXPECT_EQ(parsed("10.0.2.15"), "10.0.2.15");
  EXPECT_EQ(parsed("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(parsed("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(parsed("fe80::1"), "FE80::1");
  EXPECT_EQ(parsed("2001:db8:1:2:3:4:5:6"), "2001:DB8:1:2:3:4:5:6");
}

TEST(AddressText, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "10", "10.0.2", "10.0.2.", "10.0.2.256", "10.0.2.15.1", "010.0.2.15", "0x0a.0.2.15", "10.0.2.15 ",
                           " 10.0.2.15", "a.b.c.d", "::g", ":::", "1:2:3", "fe80::1%eth0", "1.2.3.4/8", "1..2.3",
                           "11111111111111111111111111111111111111111111111111111111"})
    EXPECT_EQ(parsed(text), "refused") << text;
}

TEST(AddressText, InterfaceAddressesHaveAPrefix) {
  const auto address = parse_interface_address("192.168.7.9/24");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(shown(address.value().address), "192.168.7.9");
  EXPECT_EQ(address.value().prefix, 24u);
  EXPECT_EQ(parse_interface_address("2001:db8::7/64").value().prefix, 64u);
  EXPECT_TRUE(parse_interface_address("10.1.1.1/32").ok());
  for (const char* text : {"192.168.7.9", "192.168.7.9/", "192.168.7.9/33", "192.168.7.9/0", "192.168.7.9/-1", "192.168.7.9/2a",
                           "2001:db8::7/129", "/24", "192.168.7.9/24/24", "192.168.7.9/0024"})
    EXPECT_FALSE(parse_interface_address(text).ok()) << text;
}

TEST(AddressText, SomeAddressesAreNoInterfaces) {
  for (const char* text : {"0.0.0.0/8", "127.0.0.1/8", "224.0.0.1/4", "255.255.255.255/32", "::/64", "::1/128", "ff02::1/64"})
    EXPECT_FALSE(parse_interface_address(text).ok()) << text;
}

TEST(AddressText, MasksAndPrefixesAreTheSameThing) {
  for (unsigned prefix = 0; prefix <= 32; ++prefix) EXPECT_EQ(prefix_of_netmask(netmask_of_prefix(prefix)), prefix);
  const ip4_addr_t mask = netmask_of_prefix(20);
  ip_addr_t wrapped;
  ip_addr_copy_from_ip4(wrapped, mask);
  EXPECT_EQ(shown(wrapped), "255.255.240.0");
}

}  // namespace
}  // namespace mokapot
