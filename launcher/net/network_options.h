// SPDX-License-Identifier: Apache-2.0
//
// The options of `moka run` that speak of the network: what the VM is connected to, its addresses,
// and which ports appear on the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/ip_address.h"
#include "support/result.h"

namespace moka {

// -p [[ADDRESS:]HOST:]GUEST[/tcp|/udp]
struct PortMapping {
  Protocol protocol = Protocol::kTcp;
  std::optional<IpAddress> address;  // on the host; nothing: where all ports are published
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
};

struct NetworkOptions {
  enum class Kind { kUser, kTap, kBridge, kNone };

  // An address with the length of its network's prefix.
  struct InterfaceAddress {
    IpAddress address;
    unsigned prefix = 0;
  };

  Kind kind = Kind::kUser;
  std::string device;  // the name of the tap or bridge

  std::vector<PortMapping> mappings;
  bool publishes = true;                     // listeners are published without being asked for
  std::optional<IpAddress> publish_address;  // instead of the host's loopback addresses

  bool asks_dhcp = false;  // --ip dhcp
  std::vector<InterfaceAddress> addresses;
  std::vector<IpAddress> gateways;
  std::vector<IpAddress> name_servers;
  std::optional<unsigned> mtu;

  std::string capture;  // file for what passes the network device; "" for none
};

Result<PortMapping> parse_port_mapping(std::string_view text);

// The values of --net, --publish-all, --ip, --gateway, --dns and --mtu.
Result<void> read_network_kind(std::string_view text, NetworkOptions& options);
Result<void> read_publish_address(std::string_view text, NetworkOptions& options);
Result<void> read_interface_address(std::string_view text, NetworkOptions& options);
Result<void> read_gateway(std::string_view text, NetworkOptions& options);
Result<void> read_name_server(std::string_view text, NetworkOptions& options);
Result<void> read_mtu(std::string_view text, NetworkOptions& options);

// What only all options together show: some make no sense beside others.
Result<void> check_network_options(const NetworkOptions& options);

}  // namespace moka
