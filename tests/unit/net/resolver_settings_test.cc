// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/resolver_settings.cc kernel/net/address_text.cc
// sources: lwip/ipv4/ip4_addr.c lwip/ipv6/ip6_addr.c lwip/def.c
#include "net/resolver_settings.h"

#include <gtest/gtest.h>

#include <string>

#include "net/address_text.h"
#include "net/network.h"

namespace mokapot {
namespace {

std::string text() {
  char buffer[512];
  return {buffer, format_resolver_configuration(buffer, sizeof(buffer))};
}

// One test, since the settings are the kernel's only ones.
TEST(ResolverSettings, TheCommandLineWinsOverTheLease) {
  EXPECT_EQ(text(), "");
  const std::uint8_t lease[] = {10, 0, 0, 1, 8, 8, 8, 8};
  replace_leased_name_servers(lease);
  EXPECT_EQ(text(), "nameserver 10.0.0.1\nnameserver 8.8.8.8\n");

  const std::uint8_t long_lease[] = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5};
  replace_leased_name_servers(long_lease);
  EXPECT_EQ(text(), "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n");

  set_leased_domain({"example.org\0", 12});
  EXPECT_EQ(text().substr(0, 19), "search example.org\n");
  // What a server makes up must not become a line of the file.
  set_leased_domain("evil\nnameserver 6.6.6.6");
  set_leased_domain("two words");
  set_leased_domain(std::string(300, 'a'));
  EXPECT_EQ(text().substr(0, 19), "search example.org\n");

  ASSERT_TRUE(add_name_server(parse_address("2001:db8::53").value(), NameServerSource::kCommandLine).ok());
  EXPECT_EQ(text(), "search example.org\nnameserver 2001:DB8::53\n");
  ASSERT_TRUE(add_name_server(parse_address("9.9.9.9").value(), NameServerSource::kCommandLine).ok());
  ASSERT_TRUE(add_name_server(parse_address("9.9.9.10").value(), NameServerSource::kCommandLine).ok());
  EXPECT_FALSE(add_name_server(parse_address("9.9.9.11").value(), NameServerSource::kCommandLine).ok());

  // Too small a buffer gets the beginning, and is not overrun.
  char little[12];
  EXPECT_LT(format_resolver_configuration(little, sizeof(little)), sizeof(little));
}

}  // namespace
}  // namespace mokapot
