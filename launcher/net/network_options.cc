// SPDX-License-Identifier: Apache-2.0
#include "net/network_options.h"
#include "support/numbers.h"

#include <net/if.h>

#include <algorithm>

namespace moka {
namespace {

// What IPv6 asks of every link (RFC 8200, section 5), and what QEMU's device can be told.
constexpr unsigned kLeastMtu = 1280;
constexpr unsigned kMostMtu = 65535;
// User networking itself sends frames of this size.
constexpr unsigned kMostUserMtu = 1500;

std::optional<unsigned> parse_number_to(std::string_view text, unsigned most) {
  const auto number = parse_number<unsigned>(text);
  return number && *number > most ? std::nullopt : number;
}

Result<IpAddress> parse_address(const char* option, std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (address) return *address;
  return Error{std::string(option) + " " + std::string(text) +
               " is no address; give an IPv4 or IPv6 address in numbers"};
}

// Takes "ADDRESS:" or "[ADDRESS]:" off the front where there is one.
std::optional<std::string_view> take_host(std::string_view& text) {
  std::string_view host;
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos) return {};
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 2);
    return host;
  }
  // Two colons are left only where an address stands in front of two ports.
  if (std::count(text.begin(), text.end(), ':') != 2) return {};
  const std::size_t end = text.find(':');
  host = text.substr(0, end);
  text.remove_prefix(end + 1);
  return host;
}

bool has_family(const std::vector<NetworkOptions::InterfaceAddress>& addresses,
                IpAddress::Family family) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const auto& one) { return one.address.family() == family; });
}

Result<void> check_mappings(const NetworkOptions& options) {
  for (std::size_t index = 0; index < options.mappings.size(); ++index) {
    const PortMapping& mapping = options.mappings[index];
    if (mapping.protocol == Protocol::kUdp && mapping.address && mapping.address->is_v6())
      return Error{"-p: UDP is published on IPv4 addresses only; leave " + mapping.address->text() +
                   " out"};
    for (std::size_t other = 0; other < index; ++other) {
      const PortMapping& earlier = options.mappings[other];
      if (earlier.protocol == mapping.protocol && earlier.host_port == mapping.host_port &&
          (!earlier.address || !mapping.address || earlier.address == mapping.address))
        return Error{"-p names host port " + std::to_string(mapping.host_port) +
                     " twice; a port of the host leads to one port of the application"};
    }
  }
  return {};
}

}  // namespace

Result<PortMapping> parse_port_mapping(std::string_view text) {
  const Error wrong{"-p " + std::string(text) +
                    " is no port mapping; give GUEST, HOST:GUEST or ADDRESS:HOST:GUEST, ports from "
                    "1 to 65535, and /udp behind it for UDP"};
  PortMapping mapping;
  std::string_view rest = text;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") return wrong;
    mapping.protocol = protocol == "udp" ? Protocol::kUdp : Protocol::kTcp;
    rest = rest.substr(0, slash);
  }
  if (const std::optional<std::string_view> host = take_host(rest)) {
    mapping.address = IpAddress::parse(*host);
    if (!mapping.address) return wrong;
  }
  const std::size_t colon = rest.find(':');
  const std::optional<std::uint16_t> first = parse_port(rest.substr(0, colon));
  const std::optional<std::uint16_t> second =
      colon == std::string_view::npos ? first : parse_port(rest.substr(colon + 1));
  if (!first || !second) return wrong;
  mapping.host_port = *first;
  mapping.guest_port = *second;
  return mapping;
}

Result<void> read_network_kind(std::string_view text, NetworkOptions& options) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const bool has_name = colon != std::string_view::npos;
  const std::string_view name = has_name ? text.substr(colon + 1) : "";
  options.device = name;
  if (kind == "user" && !has_name) {
    options.kind = NetworkOptions::Kind::kUser;
  } else if (kind == "none" && !has_name) {
    options.kind = NetworkOptions::Kind::kNone;
  } else if (kind == "tap" && !name.empty()) {
    options.kind = NetworkOptions::Kind::kTap;
  } else if (kind == "bridge" && !name.empty()) {
    options.kind = NetworkOptions::Kind::kBridge;
  } else {
    return Error{"--net " + std::string(text) +
                 " is not known; give user, tap:NAME, bridge:NAME or none"};
  }
  if (name.size() >= IFNAMSIZ || name.find_first_of("/ \t\n") != std::string_view::npos)
    return Error{"--net " + std::string(text) + ": no interface can have that name"};
  return {};
}

Result<void> read_publish_address(std::string_view text, NetworkOptions& options) {
  options.publish_address = MOKA_TRY(parse_address("--publish-all", text));
  return {};
}

Result<void> read_interface_address(std::string_view text, NetworkOptions& options) {
  if (text == "dhcp") {
    options.asks_dhcp = true;
    return {};
  }
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  const std::optional<unsigned> prefix =
      slash == std::string_view::npos || !address
          ? std::nullopt
          : parse_number_to(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!address || !prefix || *prefix == 0 || address->is_any() || address->is_loopback())
    return Error{"--ip " + std::string(text) +
                 " is no address for an interface; give ADDRESS/PREFIX, as in 192.168.7.2/24, "
                 "or dhcp"};
  options.addresses.push_back({*address, *prefix});
  return {};
}

Result<void> read_gateway(std::string_view text, NetworkOptions& options) {
  options.gateways.push_back(MOKA_TRY(parse_address("--gateway", text)));
  return {};
}

Result<void> read_name_server(std::string_view text, NetworkOptions& options) {
  options.name_servers.push_back(MOKA_TRY(parse_address("--dns", text)));
  return {};
}

Result<void> read_mtu(std::string_view text, NetworkOptions& options) {
  const std::optional<unsigned> mtu = parse_number_to(text, kMostMtu);
  if (!mtu || *mtu < kLeastMtu)
    return Error{"--mtu " + std::string(text) + " is no MTU; give a number from " +
                 std::to_string(kLeastMtu) + " to " + std::to_string(kMostMtu)};
  options.mtu = mtu;
  return {};
}

Result<void> check_network_options(const NetworkOptions& options) {
  using Kind = NetworkOptions::Kind;
  if (options.kind != Kind::kUser && !options.mappings.empty())
    return Error{options.kind == Kind::kNone
                     ? "-p has no network to lead to; leave --net none out"
                     : "-p is for user networking; with a tap or bridge the application's ports "
                       "are at the VM's own address"};
  if (options.kind != Kind::kUser && options.publish_address)
    return Error{"--publish-all is for user networking; leave --net out"};
  if (options.kind == Kind::kUser && !options.addresses.empty())
    return Error{"--ip is for --net tap:NAME and bridge:NAME; user networking has its addresses"};
  if (options.kind == Kind::kUser && options.mtu && *options.mtu > kMostUserMtu)
    return Error{"--mtu " + std::to_string(*options.mtu) +
                 " is more than user networking carries; give at most " +
                 std::to_string(kMostUserMtu) + ", or --net tap:NAME"};
  if (options.kind == Kind::kNone &&
      (options.mtu || options.asks_dhcp || !options.addresses.empty() ||
       !options.name_servers.empty() || !options.capture.empty()))
    return Error{"--net none leaves no network for --ip, --dns, --mtu or --pcap"};
  if (options.asks_dhcp && has_family(options.addresses, IpAddress::Family::kV4))
    return Error{"--ip dhcp and an IPv4 address exclude each other; give one of them"};
  for (const IpAddress& gateway : options.gateways)
    if (!has_family(options.addresses, gateway.family()))
      return Error{"--gateway " + gateway.text() +
                   " needs an address of the interface in the same family; add --ip"};
  return check_mappings(options);
}

}  // namespace moka
