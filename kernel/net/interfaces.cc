// SPDX-License-Identifier: Apache-2.0
#include "net/interfaces.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "net/ethernet_interface.h"
#include "net/lwip_address.h"
#include "net/network.h"
#include "net/stack.h"

#include "lwip/ip.h"
#include "lwip/netif.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kScopeUniverse = 0, kScopeLink = 253, kScopeHost = 254;
constexpr std::uint32_t kLoopbackMtu = 65536, kLoopbackIndex = 1;

bool is_ethernet(const netif& record) { return (record.flags & NETIF_FLAG_ETHERNET) != 0; }

std::uint8_t scope_of_address(const InetAddress& address) {
  if (address.is_loopback()) return kScopeHost;
  return address.is_link_local() ? kScopeLink : kScopeUniverse;
}

void add_address(Interface& to, const InetAddress& address, unsigned prefix, const InetAddress& broadcast) {
  if (to.address_count == Interface::kMostAddresses) return;
  InterfaceAddress& added = to.addresses[to.address_count++];
  added.address = address;
  added.prefix = static_cast<std::uint8_t>(prefix);
  added.broadcast = broadcast;
  added.scope = scope_of_address(address);
}

void add_addresses(Interface& to, netif& record) REQUIRES(net_core_lock()) {
  const ip4_addr_t& ipv4 = *netif_ip4_addr(&record);
  if (!ip4_addr_isany_val(ipv4)) {
    const std::uint32_t mask = netif_ip4_netmask(&record)->addr;
    const std::uint32_t broadcast = ipv4.addr | ~mask;
    add_address(to, InetAddress::from_v4(&ipv4.addr), static_cast<unsigned>(std::popcount(mask)),
                to.is_loopback ? InetAddress::any(kFamilyIpv4) : InetAddress::from_v4(&broadcast));
  }
  for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
    const auto state = netif_ip6_addr_state(&record, i);
    if (!ip6_addr_isvalid(state) && !ip6_addr_istentative(state)) continue;
    const std::size_t before = to.address_count;
    add_address(to, InetAddress::from_v6(netif_ip6_addr(&record, i)->addr), to.is_loopback ? 128 : 64, {});
    if (to.address_count != before && ip6_addr_istentative(state)) to.addresses[before].flags |= InterfaceAddress::kTentative;
  }
}

void add_counters(Interface& to, netif& record) REQUIRES(net_core_lock()) {
  if (!is_ethernet(record)) {
    const auto& counters = record.mib2_counters;
    to.received_bytes = to.sent_bytes = counters.ifinoctets;
    to.received_packets = to.sent_packets = counters.ifinucastpkts + counters.ifinnucastpkts;
    return;
  }
  EthernetInterface& interface = EthernetInterface::of(record);
  const auto& received = interface.receive_counters();
  to.received_bytes = received.bytes;
  to.received_packets = received.packets;
  to.received_drops = received.dropped;
  const auto& sent = interface.transmit_path().counters();
  to.sent_bytes = sent.bytes;
  to.sent_packets = sent.packets;
  to.sent_drops = sent.dropped;
}

Interface describe(netif& record) REQUIRES(net_core_lock()) {
  Interface to;
  to.index = netif_get_index(&record);
  to.is_loopback = !is_ethernet(record);
  const char* name = to.is_loopback ? "lo" : EthernetInterface::of(record).name();
  std::memcpy(to.name, name, std::min(std::strlen(name), Interface::kNameSize - 1));
  to.mtu = to.is_loopback ? kLoopbackMtu : record.mtu;
  to.flags = to.is_loopback ? Interface::kLoopback : Interface::kBroadcast | Interface::kMulticast;
  if (netif_is_up(&record)) to.flags |= Interface::kUp;
  if (netif_is_up(&record) && (to.is_loopback || netif_is_link_up(&record))) {
    to.flags |= Interface::kRunning | Interface::kLowerUp;
  }
  if (!to.is_loopback) std::memcpy(to.hardware_address, record.hwaddr, sizeof(to.hardware_address));
  to.gateway = InetAddress::from_v4(&netif_ip4_gw(&record)->addr);
  add_addresses(to, record);
  add_counters(to, record);
  return to;
}

bool has_address(netif& record, const InetAddress& address) REQUIRES(net_core_lock()) {
  if (address.is_v4()) return netif_ip4_addr(&record)->addr == address.v4();
  for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
    if (ip6_addr_isvalid(netif_ip6_addr_state(&record, i)) &&
        std::memcmp(netif_ip6_addr(&record, i)->addr, address.bytes, sizeof(address.bytes)) == 0) {
      return true;
    }
  }
  return false;
}

bool is_broadcast_of(netif& record, const InetAddress& address) REQUIRES(net_core_lock()) {
  constexpr int kLeastPrefixWithout = 31;
  const std::uint32_t mask = netif_ip4_netmask(&record)->addr, own = netif_ip4_addr(&record)->addr;
  if (!address.is_v4() || !is_ethernet(record) || own == 0 || std::popcount(mask) >= kLeastPrefixWithout) return false;
  return address.v4() == (own | ~mask);
}

// Nothing where it depends on the interfaces.
std::optional<AddressKind> kind_by_form(const InetAddress& address) {
  if (address.is_loopback()) return AddressKind::kLocal;
  if (address.is_multicast()) return AddressKind::kGroup;
  if (address.is_broadcast()) return AddressKind::kBroadcast;
  if (address.is_any()) return AddressKind::kElsewhere;
  return {};
}

}  // namespace

std::size_t list_interfaces(std::span<Interface> to) {
  const NetCoreGuard core;
  std::size_t count = 0;
  for (unsigned index = 1; index <= kMostInterfaces && count < to.size(); ++index) {
    netif* record = netif_get_by_index(static_cast<u8_t>(index));
    if (record != nullptr) to[count++] = describe(*record);
  }
  return count;
}

Result<Interface> interface_by_index(std::uint32_t index) {
  if (index == 0 || index > 255) return Errno::kENODEV;
  const NetCoreGuard core;
  netif* record = netif_get_by_index(static_cast<u8_t>(index));
  if (record == nullptr) return Errno::kENODEV;
  return describe(*record);
}

Result<std::uint32_t> interface_index(std::string_view name) {
  Interface all[kMostInterfaces];
  const std::size_t count = list_interfaces(all);
  for (std::size_t i = 0; i < count; ++i) {
    if (name == all[i].name) return std::uint32_t{all[i].index};
  }
  return Errno::kENODEV;
}

AddressKind kind_of(const InetAddress& address) {
  if (const std::optional<AddressKind> kind = kind_by_form(address)) return *kind;
  const NetCoreGuard core;
  return kind_of_locked(address);
}

AddressKind kind_of_locked(const InetAddress& address) {
  if (const std::optional<AddressKind> kind = kind_by_form(address)) return *kind;
  netif* record;
  NETIF_FOREACH(record) {
    if (has_address(*record, address)) return AddressKind::kLocal;
    if (is_broadcast_of(*record, address)) return AddressKind::kBroadcast;
  }
  return AddressKind::kElsewhere;
}

namespace {

// Linux has a route for IPv6 groups on each card and none on loopback; without a word about the card the first one has.
netif* first_card() REQUIRES(net_core_lock()) {
  for (unsigned index = 1; index <= kMostInterfaces; ++index) {
    netif* record = netif_get_by_index(static_cast<u8_t>(index));
    if (record != nullptr && is_ethernet(*record) && netif_is_up(record)) return record;
  }
  return nullptr;
}

netif* netif_towards(const InetAddress& to, std::uint32_t scope, std::uint32_t bound_interface) REQUIRES(net_core_lock()) {
  if (bound_interface != 0) return netif_get_by_index(static_cast<u8_t>(bound_interface));
  if (!to.is_v4() && to.is_multicast() && scope == 0) return first_card();
  const ip_addr_t any = to_lwip(InetAddress::any(to.family())), target = to_lwip(to, scope);
  return ip_route(&any, &target);
}

}  // namespace

Result<std::uint32_t> interface_for_group(const InetAddress& group) {
  if (!network_settled()) TRY(wait_for_network(Interruptible::kYes));
  const NetCoreGuard core;
  netif* record = netif_towards(group, 0, 0);
  if (record == nullptr) return Errno::kENODEV;
  return std::uint32_t{netif_get_index(record)};
}

Result<Route> route_to(const InetAddress& to, std::uint32_t scope, std::uint32_t bound_interface) {
  if (to.is_loopback()) return Route{InetAddress::loopback(to.family()), kLoopbackIndex};
  if (!network_settled()) TRY(wait_for_network(Interruptible::kYes));
  const NetCoreGuard core;
  netif* record;
  NETIF_FOREACH(record) {
    if (has_address(*record, to)) return Route{to, netif_get_index(record)};
  }
  record = netif_towards(to, scope, bound_interface);
  if (record == nullptr) return Errno::kENETUNREACH;
  const ip_addr_t target = to_lwip(to, scope != 0 ? scope : netif_get_index(record));
  const ip_addr_t* source = ip_netif_get_local_ip(record, &target);
  if (source == nullptr || ip_addr_isany(source)) return Errno::kENETUNREACH;
  return Route{from_lwip(*source), netif_get_index(record)};
}

}  // namespace mokapot
