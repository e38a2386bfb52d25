// SPDX-License-Identifier: Apache-2.0
//
// The network interfaces as applications see them: lwIP's, under Linux's names ("lo", "eth0") and with Linux's flags.
// What ioctl, netlink, /proc/net and /sys/class/net show all comes from here, and so does the choice of a source
// address. Takes the core lock; thread context.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "net/inet_address.h"
#include "net/stack.h"

namespace mokapot {

struct InterfaceAddress {
  // Linux's IFA_F_ flags. A tentative address is being asked about and not in use yet (RFC 4862).
  static constexpr std::uint8_t kTentative = 0x40, kPermanent = 0x80;
  InetAddress address;
  std::uint8_t prefix = 0;     // bits
  InetAddress broadcast;       // IPv4; any where there is none
  std::uint8_t scope = 0;      // rtnetlink's: 0 everywhere, 253 link, 254 host
  std::uint8_t flags = kPermanent;
};

struct Interface {
  static constexpr std::size_t kNameSize = 16, kMostAddresses = 8;
  // Linux's IFF_ flags.
  static constexpr std::uint32_t kUp = 1, kBroadcast = 2, kLoopback = 8, kRunning = 0x40, kMulticast = 0x1000,
                                 kLowerUp = 0x10000;
  char name[kNameSize] = {};
  std::uint32_t index = 0;
  std::uint32_t flags = 0;
  std::uint32_t mtu = 0;
  std::uint8_t hardware_address[6] = {};
  bool is_loopback = false;
  InterfaceAddress addresses[kMostAddresses];
  std::size_t address_count = 0;
  InetAddress gateway;  // IPv4's; any: none
  std::uint64_t received_bytes = 0, received_packets = 0, received_drops = 0, received_errors = 0;
  std::uint64_t sent_bytes = 0, sent_packets = 0, sent_drops = 0, sent_errors = 0;
};

// In the order of their indexes, which begin at 1. Returns how many there are; at most kMostInterfaces.
inline constexpr std::size_t kMostInterfaces = 6;
std::size_t list_interfaces(std::span<Interface> to);
Result<Interface> interface_by_index(std::uint32_t index);          // kENODEV
Result<std::uint32_t> interface_index(std::string_view name);       // kENODEV

enum class AddressKind : std::uint8_t {
  kLocal,      // packets to it stay in the VM: loopback's addresses and the interfaces' own
  kBroadcast,  // for all on a link: the limited address, or that of an interface's network
  kGroup,
  kElsewhere,
};
AddressKind kind_of(const InetAddress& address) EXCLUDES(net_core_lock());
AddressKind kind_of_locked(const InetAddress& address) REQUIRES(net_core_lock());
inline bool is_local_address(const InetAddress& address) { return kind_of(address) == AddressKind::kLocal; }
// The address that packets to `to` come from, and by which interface. kENETUNREACH.
struct Route {
  InetAddress source;
  std::uint32_t interface = 0;
};
Result<Route> route_to(const InetAddress& to, std::uint32_t scope, std::uint32_t bound_interface);
// The interface that a request about a group means which names none. kENODEV.
Result<std::uint32_t> interface_for_group(const InetAddress& group);

}  // namespace mokapot
