// SPDX-License-Identifier: Apache-2.0
#include "net/netlink_message.h"

#include <cstring>

#include "net/interfaces.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kNewLink = 16, kNewAddress = 20, kNewRoute = 24;
// Attributes of links, addresses and routes.
enum : std::uint16_t {
  kLinkAddress = 1, kLinkBroadcast = 2, kLinkName = 3, kLinkMtu = 4, kLinkQueueing = 6, kLinkStatistics = 7,
  kLinkQueueLength = 13, kLinkOperationalState = 16, kLinkStatistics64 = 23,
  kAddressAddress = 1, kAddressLocal = 2, kAddressLabel = 3, kAddressBroadcast = 4, kAddressFlags = 8,
  kRouteDestination = 1, kRouteInterface = 4, kRouteGateway = 5, kRouteSource = 7, kRouteTable = 15,
};

struct LinkBody {
  std::uint8_t family, padding;
  std::uint16_t type;
  std::int32_t index;
  std::uint32_t flags, change;
};
struct AddressBody {
  std::uint8_t family, prefix, flags, scope;
  std::uint32_t index;
};
struct RouteBody {
  std::uint8_t family, destination_size, source_size, type_of_service, table, protocol, scope, type;
  std::uint32_t flags;
};
static_assert(sizeof(LinkBody) == 16 && sizeof(AddressBody) == 8 && sizeof(RouteBody) == 12);

constexpr std::uint16_t kArpEthernet = 1, kArpLoopback = 772;
constexpr std::uint8_t kStateUnknown = 0, kStateDown = 2, kStateUp = 6;

struct LinkStatistics {
  std::uint64_t received_packets, sent_packets, received_bytes, sent_bytes, received_errors, sent_errors,
      received_drops, sent_drops, rest[16];
};
static_assert(sizeof(LinkStatistics) == 24 * 8);

void write_link(NetlinkWriter& to, const Interface& one, std::uint16_t flags) {
  const LinkBody body{0, 0, one.is_loopback ? kArpLoopback : kArpEthernet, static_cast<std::int32_t>(one.index), one.flags, 0};
  to.begin(kNewLink, flags, &body, sizeof(body));
  to.attribute(kLinkName, one.name, std::strlen(one.name) + 1);
  const std::uint32_t queue_length = 1000;
  to.attribute(kLinkQueueLength, &queue_length, sizeof(queue_length));
  const bool up = (one.flags & Interface::kLowerUp) != 0;
  const std::uint8_t state = one.is_loopback ? kStateUnknown : up ? kStateUp : kStateDown;
  to.attribute(kLinkOperationalState, &state, sizeof(state));
  to.attribute(kLinkMtu, &one.mtu, sizeof(one.mtu));
  to.attribute(kLinkQueueing, one.is_loopback ? "noqueue" : "mq", one.is_loopback ? 8 : 3);
  std::uint8_t broadcast[6];
  std::memset(broadcast, one.is_loopback ? 0 : 0xff, sizeof(broadcast));
  to.attribute(kLinkAddress, one.hardware_address, sizeof(one.hardware_address));
  to.attribute(kLinkBroadcast, broadcast, sizeof(broadcast));
  const LinkStatistics statistics{one.received_packets, one.sent_packets, one.received_bytes, one.sent_bytes,
                                  one.received_errors, one.sent_errors, one.received_drops, one.sent_drops, {}};
  to.attribute(kLinkStatistics64, &statistics, sizeof(statistics));
  std::uint32_t narrow[24];
  for (std::size_t i = 0; i < 24; ++i) {
    std::uint64_t wide = 0;
    std::memcpy(&wide, reinterpret_cast<const std::uint8_t*>(&statistics) + 8 * i, 8);  // SAFETY: 24 words
    narrow[i] = static_cast<std::uint32_t>(wide);
  }
  to.attribute(kLinkStatistics, narrow, sizeof(narrow));
  to.end();
}

void write_address(NetlinkWriter& to, const Interface& one, const InterfaceAddress& address, std::uint16_t type,
                   std::uint16_t message_flags) {
  const bool v4 = address.address.is_v4();
  const auto family = static_cast<std::uint8_t>(v4 ? kFamilyIpv4 : kFamilyIpv6);
  const AddressBody body{family, address.prefix, address.flags, address.scope, one.index};
  to.begin(type, message_flags, &body, sizeof(body));
  const std::uint8_t* bytes = address.address.bytes + (v4 ? 12 : 0);
  const std::size_t size = v4 ? 4 : 16;
  to.attribute(kAddressAddress, bytes, size);
  if (v4) {
    to.attribute(kAddressLocal, bytes, size);
    if (address.broadcast.is_v4() && !address.broadcast.is_any()) {
      to.attribute(kAddressBroadcast, address.broadcast.bytes + 12, 4);
    }
    to.attribute(kAddressLabel, one.name, std::strlen(one.name) + 1);
  }
  const std::uint32_t flags = address.flags;
  to.attribute(kAddressFlags, &flags, sizeof(flags));
  to.end();
}

// The connected network of each IPv4 address, and the default route.
void write_routes(NetlinkWriter& to, const Interface& one) {
  constexpr std::uint8_t kMainTable = 254, kByKernel = 2, kByBoot = 3, kUnicast = 1, kScopeLink = 253;
  const std::uint32_t table = kMainTable;
  auto finish = [&] {
    to.attribute(kRouteTable, &table, sizeof(table));
    to.attribute(kRouteInterface, &one.index, sizeof(one.index));
    to.end();
  };
  if (one.is_loopback) return;
  if (one.gateway.is_v4() && !one.gateway.is_any()) {
    const RouteBody body{kFamilyIpv4, 0, 0, 0, kMainTable, kByBoot, 0, kUnicast, 0};
    to.begin(kNewRoute, kNetlinkMulti, &body, sizeof(body));
    to.attribute(kRouteGateway, one.gateway.bytes + 12, 4);
    finish();
  }
  for (std::size_t i = 0; i < one.address_count; ++i) {
    const InterfaceAddress& address = one.addresses[i];
    if (!address.address.is_v4() || address.prefix == 0) continue;
    const RouteBody body{kFamilyIpv4, address.prefix, 0, 0, kMainTable, kByKernel, kScopeLink, kUnicast, 0};
    const std::uint32_t network = address.address.v4() & __builtin_bswap32(~std::uint32_t{0} << (32 - address.prefix));
    to.begin(kNewRoute, kNetlinkMulti, &body, sizeof(body));
    to.attribute(kRouteDestination, &network, sizeof(network));
    to.attribute(kRouteSource, address.address.bytes + 12, 4);
    finish();
  }
}

}  // namespace

void NetlinkWriter::append(const void* data, std::size_t size) {
  if (!ok_) return;
  const std::size_t at = bytes_.size(), padded = align_up(size, 4);
  if (at + padded > bytes_.size() && !bytes_.reserve(align_up(at + padded, 1024)).ok()) ok_ = false;
  if (!ok_ || !bytes_.resize(at + padded).ok()) {
    ok_ = false;
    return;
  }
  std::memcpy(bytes_.data() + at, data, size);
}

void NetlinkWriter::begin(std::uint16_t type, std::uint16_t flags, const void* body, std::size_t size) {
  begin_ = bytes_.size();
  const NetlinkHeader header{0, type, flags, sequence_, port_};
  append(&header, sizeof(header));
  append(body, size);
}

void NetlinkWriter::attribute(std::uint16_t type, const void* data, std::size_t size) {
  const std::uint16_t header[2] = {static_cast<std::uint16_t>(4 + size), type};
  append(header, sizeof(header));
  append(data, size);
}

void NetlinkWriter::end() {
  if (!ok_) return;
  const auto size = static_cast<std::uint32_t>(bytes_.size() - begin_);
  std::memcpy(bytes_.data() + begin_, &size, sizeof(size));
}

void write_link_news(NetlinkWriter& to, const Interface& one) { write_link(to, one, 0); }

void write_address_news(NetlinkWriter& to, const Interface& one, const InterfaceAddress& address, NetlinkChange change) {
  constexpr std::uint16_t kAddressGone = 21;  // RTM_DELADDR
  write_address(to, one, address, change == NetlinkChange::kNew ? kNewAddress : kAddressGone, 0);
}

bool write_dump(NetlinkWriter& to, std::uint16_t type, int family) {
  Interface all[kMostInterfaces];
  if (type != kGetLink && type != kGetAddress && type != kGetRoute) return false;
  const std::size_t count = list_interfaces(all);
  for (std::size_t i = 0; i < count; ++i) {
    const Interface& one = all[i];
    if (type == kGetLink) write_link(to, one, kNetlinkMulti);
    if (type == kGetRoute && family != kFamilyIpv6) write_routes(to, one);
    if (type != kGetAddress) continue;
    for (std::size_t k = 0; k < one.address_count; ++k) {
      if (family == kFamilyUnspecified || family == one.addresses[k].address.family())
        write_address(to, one, one.addresses[k], kNewAddress, kNetlinkMulti);
    }
  }
  const std::int32_t no_error = 0;
  to.begin(kNetlinkDone, kNetlinkMulti, &no_error, sizeof(no_error));
  to.end();
  return true;
}

}  // namespace mokapot
