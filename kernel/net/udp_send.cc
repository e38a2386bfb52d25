// SPDX-License-Identifier: Apache-2.0
//
// Sending of UDP sockets, their control messages, and the options of groups.
#include <algorithm>
#include <cstring>

#include "net/buffers.h"
#include "net/interfaces.h"
#include "net/udp_stack.h"

namespace mokapot {
namespace {

constexpr std::size_t kMostPayload = 65507, kMostPayload6 = 65527;
constexpr std::uint32_t kLoopbackInterface = 1;
constexpr std::size_t kMostSegments = 128;  // UDP_MAX_SEGMENTS

// Control messages, Linux's numbers.
enum : int {
  kSocketTimestamp = 29, kSocketTimestampNanoseconds = 35, kIpTypeOfService = 1, kIpTimeToLive = 2, kIpPacketInfo = 8,
  kIpv6PacketInfo = 50, kIpv6HopLimit = 52, kIpv6TrafficClass = 67, kUdpSegment = 103,
};

struct PacketInfo {
  std::int32_t interface;
  std::uint32_t local, destination;
};
struct PacketInfo6 {
  std::uint8_t address[16];
  std::int32_t interface;
};

// IPPROTO_IP's and IPPROTO_IPV6's options of groups.
enum : int {
  kIpMulticastInterface = 32, kIpJoin = 35, kIpLeave = 36, kIpUnblock = 37, kIpBlock = 38, kIpJoinSource = 39,
  kIpLeaveSource = 40, kGroupJoin = 42, kGroupBlock = 43, kGroupUnblock = 44, kGroupLeave = 45, kGroupJoinSource = 46,
  kGroupLeaveSource = 47, kIpv6MulticastInterface = 17, kIpv6Join = 20, kIpv6Leave = 21,
};
using SourceChange = GroupMemberships::SourceChange;

template <typename T>
bool take(std::span<const std::uint8_t> bytes, std::size_t at, T& value) {
  if (bytes.size() < at + sizeof(value)) return false;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return true;
}

struct SendControl {
  DatagramSettings& settings;
  InetAddress& source;
};

Result<void> take_control(const ControlMessage& message, void* context) {
  auto& to = *static_cast<SendControl*>(context);
  std::int32_t number = 0;
  take(message.data, 0, number);
  if (message.level == kLevelIp && message.type == kIpPacketInfo) {
    PacketInfo info;
    if (!take(message.data, 0, info)) return Errno::kEINVAL;
    to.settings.interface = static_cast<std::uint32_t>(info.interface);
    if (info.local != 0) to.source = InetAddress::from_v4(&info.local);
  } else if (message.level == kLevelIpv6 && message.type == kIpv6PacketInfo) {
    PacketInfo6 info;
    if (!take(message.data, 0, info)) return Errno::kEINVAL;
    to.settings.interface = static_cast<std::uint32_t>(info.interface);
    const InetAddress address = InetAddress::from_v6(info.address);
    if (!address.is_any()) to.source = address;
  } else if ((message.level == kLevelIp && message.type == kIpTimeToLive) ||
             (message.level == kLevelIpv6 && message.type == kIpv6HopLimit)) {
    if (message.data.size() < sizeof(number) || number < -1 || number > 255) return Errno::kEINVAL;
    if (number >= 0) to.settings.time_to_live = static_cast<std::uint8_t>(number);
  } else if ((message.level == kLevelIp && message.type == kIpTypeOfService) ||
             (message.level == kLevelIpv6 && message.type == kIpv6TrafficClass)) {
    to.settings.type_of_service = static_cast<std::uint8_t>(number);
  } else if (message.level == kLevelUdp && message.type == kUdpSegment) {
    if (message.data.size() != sizeof(to.settings.segment)) return Errno::kEINVAL;
    take(message.data, 0, to.settings.segment);
  } else if (message.level == kLevelIp || message.level == kLevelIpv6 || message.level == kLevelUdp) {
    return Errno::kEINVAL;
  }
  return {};
}

}  // namespace

// --- Sending ------------------------------------------------------------------------------------------

Result<InetEndpoint> UdpSocket::destination(const OutgoingMessage& message) {
  if (message.to == nullptr) {
    SpinGuard guard(lock_);
    if (remote_.port == 0) return Errno::kEDESTADDRREQ;
    return remote_;
  }
  // An AF_INET6 socket takes IPv4 addresses for a message, and an AF_INET one addresses without a family.
  SocketAddress address = *message.to;
  const bool as_ipv4 = family_ == kFamilyIpv6 && address.family() == kFamilyIpv4;
  if (family_ == kFamilyIpv4 && address.family() == kFamilyUnspecified) address.bytes[0] = kFamilyIpv4;
  InetEndpoint to = TRY(parse_inet_address(address, as_ipv4 ? kFamilyIpv4 : family_));
  if (to.port == 0) return Errno::kEINVAL;
  if (to.address.is_v4() && v6_only() == V6Only::kYes) return Errno::kENETUNREACH;
  if (to.address.is_any()) to.address = InetAddress::loopback(to.address.family());
  return to;
}

Result<void> UdpSocket::apply_control(const OutgoingMessage& message, DatagramSettings& settings, InetAddress& source) {
  if (message.control.empty()) return {};
  SendControl to{settings, source};
  return for_each_control_message(message.control, &take_control, &to);
}

Result<std::size_t> UdpSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const std::size_t size = from.remaining();
  if (size > 0xffff) return Errno::kEMSGSIZE;
  InetEndpoint to = TRY(destination(message));
  const bool v4 = to.address.is_v4(), group = to.address.is_multicast();
  if (size > (v4 ? kMostPayload : kMostPayload6)) return Errno::kEMSGSIZE;
  DatagramSettings settings;
  settings.interface = bound_interface();
  const Option hops = v4 ? (group ? Option::kMulticastTimeToLive : Option::kTimeToLive)
                         : (group ? Option::kMulticastHops6 : Option::kUnicastHops);
  settings.time_to_live = static_cast<std::uint8_t>(options_.get(hops));
  settings.type_of_service = static_cast<std::uint8_t>(options_.get(v4 ? Option::kTypeOfService : Option::kTrafficClass));
  settings.multicast_loop = options_.on(v4 ? Option::kMulticastLoop : Option::kMulticastLoop6);
  if (group && settings.interface == 0) settings.interface = multicast_interface_.load(std::memory_order_relaxed);
  settings.segment = static_cast<std::uint16_t>(options_.get(Option::kUdpSegment));
  InetAddress source = InetAddress::any(to.address.family());
  TRY(apply_control(message, settings, source));
  if ((ended_.load(std::memory_order_acquire) & 2) != 0) return Errno::kEPIPE;
  const Errno pending = take_error();
  if (pending != Errno{}) return pending;
  const AddressKind kind = kind_of(to.address);
  if (kind == AddressKind::kBroadcast && !options_.on(Option::kBroadcast)) return Errno::kEACCES;
  if (!has_port()) {
    Result<void> claimed = claim({InetAddress::any(family_), 0, 0});
    if (!claimed.ok() && !has_port()) return Errno::kEAGAIN;
  }
  InetEndpoint own = port_of(holder_);
  if (!source.is_any()) own.address = source;
  if (own.address.is_any() || own.address.is_multicast()) {
    const Route route = TRY(route_to(to.address, to.scope, settings.interface));
    own.address = route.source;
    if (settings.interface == 0) settings.interface = route.interface;
    SpinGuard guard(lock_);
    if (group && v4 && !multicast_source_.is_any()) own.address = multicast_source_;
  }
  // What is for many leaves by a card even from a bound source, unless that is loopback's.
  const bool is_for_many = kind == AddressKind::kGroup || kind == AddressKind::kBroadcast;
  if (is_for_many && settings.interface == 0 && !own.address.is_loopback())
    settings.interface = TRY(route_to(to.address, to.scope, 0)).interface;
  if (own.address.is_v4() != v4) return Errno::kENETUNREACH;
  if (to.address.needs_scope() && to.scope == 0) to.scope = settings.interface;
  // Linux has a route for groups on each card, and on loopback for those of IPv4 only.
  if (group && !v4 && settings.interface == kLoopbackInterface) return Errno::kENETUNREACH;
  if (settings.segment == 0 || size <= settings.segment) {
    TRY(send_one(from, size, own, to, kind, settings));
    return size;
  }
  if (size > settings.segment * kMostSegments) return Errno::kEINVAL;
  for (std::size_t left = size; left != 0;) {
    const std::size_t next = std::min<std::size_t>(left, settings.segment);
    TRY(send_one(from, next, own, to, kind, settings));
    left -= next;
  }
  return size;
}

// The next `size` bytes as one datagram.
Result<void> UdpSocket::send_one(IoBuffer& from, std::size_t size, const InetEndpoint& own, const InetEndpoint& to,
                                 AddressKind kind, const DatagramSettings& settings) {
  pbuf* const data = TRY(datagram_from(from, size, PBUF_TRANSPORT));
  Result<void> sent = transmit(own, to, kind, settings, data);
  pbuf_free(data);
  return sent;
}

Result<void> UdpSocket::transmit(const InetEndpoint& from, const InetEndpoint& to, AddressKind kind,
                                 const DatagramSettings& settings, pbuf* data) {
  DatagramEnvelope envelope{from, to, settings.interface, settings.time_to_live, settings.type_of_service};
  if (kind == AddressKind::kGroup || kind == AddressKind::kBroadcast) {
    if (envelope.interface == 0) envelope.interface = kLoopbackInterface;
    // Without the loop nothing is copied on its way out; what went to loopback comes back all the same.
    const bool on_loopback = envelope.interface == kLoopbackInterface;
    if (kind == AddressKind::kBroadcast || settings.multicast_loop || on_loopback) {
      const NetCoreGuard core;
      deliver_datagram(envelope, data);
    }
    if (on_loopback || settings.time_to_live == 0) return {};
    return send_datagram(from, to, settings, data);
  }
  if (kind != AddressKind::kLocal) return send_datagram(from, to, settings, data);
  envelope.interface = to.address.is_loopback() ? kLoopbackInterface : settings.interface;
  {
    const NetCoreGuard core;
    if (deliver_datagram(envelope, data)) return {};
  }
  // Nobody has the port: the answer is an ICMP error, which only a connected socket is told of.
  if (peer_address().ok()) {
    error_.store(static_cast<std::int32_t>(Errno::kECONNREFUSED), std::memory_order_release);
    notify(kPollError);
  }
  return {};
}

// --- What is told of a datagram --------------------------------------------------------------------------

void UdpSocket::tell_of(const Datagram& datagram, IncomingMessage& message) {
  const DatagramEnvelope& envelope = datagram.envelope;
  const bool v4 = envelope.to.address.is_v4();
  struct {
    std::int64_t seconds, part;
  } time{datagram.came_at / 1'000'000'000, datagram.came_at % 1'000'000'000};
  if (options_.on(Option::kTimestampNanoseconds)) {
    message.add_control(kLevelSocket, kSocketTimestampNanoseconds, &time, sizeof(time));
  } else if (options_.on(Option::kTimestamp)) {
    time.part /= 1000;
    message.add_control(kLevelSocket, kSocketTimestamp, &time, sizeof(time));
  }
  const std::int32_t hops = envelope.time_to_live, traffic_class = envelope.type_of_service;
  if (family_ == kFamilyIpv6 && options_.on(Option::kReceivePacketInfo6)) {
    PacketInfo6 info;
    std::memcpy(info.address, envelope.to.address.bytes, sizeof(info.address));
    info.interface = static_cast<std::int32_t>(envelope.interface);
    message.add_control(kLevelIpv6, kIpv6PacketInfo, &info, sizeof(info));
  }
  if (family_ == kFamilyIpv6 && !v4) {
    if (options_.on(Option::kReceiveHopLimit)) message.add_control(kLevelIpv6, kIpv6HopLimit, &hops, sizeof(hops));
    if (options_.on(Option::kReceiveTrafficClass))
      message.add_control(kLevelIpv6, kIpv6TrafficClass, &traffic_class, sizeof(traffic_class));
  }
  if (!v4) return;
  if (options_.on(Option::kPacketInfo)) {
    const std::uint32_t local = envelope.to.address.is_multicast() ? 0 : envelope.to.address.v4();
    const PacketInfo info{static_cast<std::int32_t>(envelope.interface), local, envelope.to.address.v4()};
    message.add_control(kLevelIp, kIpPacketInfo, &info, sizeof(info));
  }
  if (options_.on(Option::kReceiveTimeToLive)) message.add_control(kLevelIp, kIpTimeToLive, &hops, sizeof(hops));
  if (options_.on(Option::kReceiveTypeOfService))
    message.add_control(kLevelIp, kIpTypeOfService, &envelope.type_of_service, 1);
}

// --- Groups ---------------------------------------------------------------------------------------------

Result<GroupMemberships*> UdpSocket::memberships() {
  GroupMemberships* known = memberships_.load(std::memory_order_acquire);
  if (known != nullptr) return known;
  auto fresh = TRY(make_unique_or_error<GroupMemberships>());
  if (memberships_.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) return fresh.release();
  return known;
}

namespace {

// The interface that has an IPv4 address; 0 for the wildcard. kENODEV, kEADDRNOTAVAIL.
Result<std::uint32_t> interface_with(std::uint32_t address) {
  if (address == 0) return std::uint32_t{0};
  Interface all[kMostInterfaces];
  const std::size_t count = list_interfaces(all);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < all[i].address_count; ++k) {
      const InetAddress& own = all[i].addresses[k].address;
      if (own.is_v4() && own.v4() == address) return std::uint32_t{all[i].index};
    }
  }
  return Errno::kENODEV;
}

Result<void> change_ipv4_group(GroupMemberships& groups, int name, std::span<const std::uint8_t> value) {
  std::uint32_t group = 0, second = 0, third = 0;
  if (!take(value, 0, group) || !take(value, 4, second)) return Errno::kEINVAL;
  const bool has_third = take(value, 8, third);
  const InetAddress address = InetAddress::from_v4(&group);
  if (name == kIpJoin || name == kIpLeave) {
    // struct ip_mreq, or ip_mreqn with an index.
    const std::uint32_t interface = has_third && third != 0 ? third : TRY(interface_with(second));
    return name == kIpJoin ? groups.join(address, interface) : groups.leave(address, interface);
  }
  if (!has_third) return Errno::kEINVAL;
  const SourceChange change = name == kIpJoinSource    ? SourceChange::kJoin
                              : name == kIpLeaveSource ? SourceChange::kLeave
                              : name == kIpBlock       ? SourceChange::kBlock
                                                       : SourceChange::kUnblock;
  return groups.change_source(change, address, TRY(interface_with(second)), InetAddress::from_v4(&third));
}

Result<InetAddress> address_in(std::span<const std::uint8_t> value, std::size_t at) {
  SocketAddress address;
  if (value.size() < at + sizeof(address.bytes)) return Errno::kEINVAL;
  std::memcpy(address.bytes, value.data() + at, sizeof(address.bytes));
  address.size = sizeof(address.bytes);
  const int family = address.family();
  if (family != kFamilyIpv4 && family != kFamilyIpv6) return Errno::kEADDRNOTAVAIL;
  return TRY(parse_inet_address(address, family)).address;
}

// struct group_req and group_source_req: an index, then one or two sockaddr_storage.
Result<void> change_group(GroupMemberships& groups, int name, std::span<const std::uint8_t> value) {
  std::uint32_t interface = 0;
  if (!take(value, 0, interface)) return Errno::kEINVAL;
  const InetAddress group = TRY(address_in(value, 8));
  if (name == kGroupJoin) return groups.join(group, interface);
  if (name == kGroupLeave) return groups.leave(group, interface);
  const InetAddress source = TRY(address_in(value, 8 + SocketAddress::kMost));
  const SourceChange change = name == kGroupJoinSource    ? SourceChange::kJoin
                              : name == kGroupLeaveSource ? SourceChange::kLeave
                              : name == kGroupBlock       ? SourceChange::kBlock
                                                          : SourceChange::kUnblock;
  return groups.change_source(change, group, interface, source);
}

}  // namespace

Result<void> UdpSocket::set_special_option(int level, int name, std::span<const std::uint8_t> value) {
  if (level == kLevelIp && name >= kIpJoin && name <= kIpLeaveSource) {
    return change_ipv4_group(*TRY(memberships()), name, value);
  }
  if ((level == kLevelIp || level == kLevelIpv6) && name >= kGroupJoin && name <= kGroupLeaveSource) {
    return change_group(*TRY(memberships()), name, value);
  }
  if (level == kLevelIpv6 && (name == kIpv6Join || name == kIpv6Leave)) {
    std::uint32_t interface = 0;
    if (!take(value, 16, interface)) return Errno::kEINVAL;
    const InetAddress group = InetAddress::from_v6(value.data());
    GroupMemberships& groups = *TRY(memberships());
    return name == kIpv6Join ? groups.join(group, interface) : groups.leave(group, interface);
  }
  if (level == kLevelIpv6 && name == kIpv6MulticastInterface) {
    std::uint32_t interface = 0;
    if (!take(value, 0, interface)) return Errno::kEINVAL;
    if (interface != 0) TRY(interface_by_index(interface));
    multicast_interface_.store(interface, std::memory_order_relaxed);
    return {};
  }
  if (level == kLevelIp && name == kIpMulticastInterface) {
    std::uint32_t words[3] = {};
    const std::size_t size = std::min(value.size(), sizeof(words)) / 4 * 4;
    if (size == 0) return Errno::kEINVAL;
    std::memcpy(words, value.data(), size);
    // struct in_addr, ip_mreq or ip_mreqn.
    const std::uint32_t address = size == 4 ? words[0] : words[1];
    Result<std::uint32_t> interface = size == 12 && words[2] != 0 ? Result<std::uint32_t>(std::uint32_t{words[2]})
                                                                  : interface_with(address);
    if (!interface.ok()) return Errno::kEADDRNOTAVAIL;
    if (interface.value() != 0) TRY(interface_by_index(interface.value()));
    multicast_interface_.store(interface.value(), std::memory_order_relaxed);
    SpinGuard guard(lock_);
    multicast_source_ = InetAddress::from_v4(&address);
    return {};
  }
  return Errno::kENOPROTOOPT;
}

Result<std::size_t> UdpSocket::special_option(int level, int name, std::span<std::uint8_t> value) {
  if (level == kLevelIpv6 && name == kIpv6MulticastInterface) {
    return give_option_number(level, static_cast<std::int32_t>(multicast_interface_.load()), value);
  }
  if (level == kLevelIp && name == kIpMulticastInterface) {
    SpinGuard guard(lock_);
    const std::uint32_t address = multicast_source_.is_v4() ? multicast_source_.v4() : 0;
    const std::size_t size = std::min(value.size(), sizeof(address));
    std::memcpy(value.data(), &address, size);
    return size;
  }
  return Errno::kENOPROTOOPT;
}

}  // namespace mokapot
