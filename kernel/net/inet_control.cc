// SPDX-License-Identifier: Apache-2.0
//
// The interfaces' ioctls, netdevice(7), on any Internet socket.
#include <algorithm>
#include <cstring>

#include "net/inet_socket.h"
#include "net/interfaces.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

enum : std::uint32_t {
  kGetName = 0x8910, kGetConfiguration = 0x8912, kGetFlags = 0x8913, kGetAddress = 0x8915, kGetPeerAddress = 0x8917,
  kGetBroadcast = 0x8919, kGetNetmask = 0x891b, kGetMetric = 0x891d, kGetMtu = 0x8921, kGetHardwareAddress = 0x8927,
  kGetIndex = 0x8933, kGetQueueLength = 0x8942,
};

// struct ifreq.
struct InterfaceRequest {
  char name[Interface::kNameSize];
  std::uint8_t value[24];
};
static_assert(sizeof(InterfaceRequest) == 40);

// struct ifconf.
struct InterfaceConfiguration {
  std::int32_t size, padding;
  std::uint64_t to;
};

constexpr std::uint16_t kArpEthernet = 1, kArpLoopback = 772;
constexpr std::int32_t kQueueLength = 1000;

const InterfaceAddress* ipv4_address(const Interface& interface) {
  for (std::size_t i = 0; i < interface.address_count; ++i) {
    if (interface.addresses[i].address.is_v4()) return &interface.addresses[i];
  }
  return nullptr;
}

template <typename T>
void put(InterfaceRequest& request, const T& value) {
  static_assert(sizeof(value) <= sizeof(request.value));
  std::memset(request.value, 0, sizeof(request.value));
  std::memcpy(request.value, &value, sizeof(value));
}

void put_address(InterfaceRequest& request, const InetAddress& address) {
  std::memset(request.value, 0, sizeof(request.value));
  const SocketAddress shown = to_socket_address({address, 0, 0}, kFamilyIpv4);
  std::memcpy(request.value, shown.bytes, shown.size);
}

InetAddress netmask_of(const InterfaceAddress& address) {
  const std::uint32_t mask = address.prefix == 0 ? 0 : __builtin_bswap32(~std::uint32_t{0} << (32 - address.prefix));
  return InetAddress::from_v4(&mask);
}

Result<void> answer(std::uint32_t request, const Interface& interface, InterfaceRequest& to) {
  const InterfaceAddress* address = ipv4_address(interface);
  const bool needs_address = request == kGetAddress || request == kGetPeerAddress || request == kGetBroadcast || request == kGetNetmask;
  if (needs_address && address == nullptr) return Errno::kEADDRNOTAVAIL;
  switch (request) {
    case kGetFlags: put(to, static_cast<std::uint16_t>(interface.flags)); break;
    case kGetAddress:
    case kGetPeerAddress: put_address(to, address->address); break;
    case kGetBroadcast: put_address(to, address->broadcast.is_any() ? InetAddress::any(kFamilyIpv4) : address->broadcast); break;
    case kGetNetmask: put_address(to, netmask_of(*address)); break;
    case kGetMetric: put(to, std::int32_t{0}); break;
    case kGetMtu: put(to, interface.mtu); break;
    case kGetQueueLength: put(to, kQueueLength); break;
    case kGetIndex: put(to, interface.index); break;
    default: {  // kGetHardwareAddress
      struct {
        std::uint16_t type;
        std::uint8_t bytes[6];
      } hardware{interface.is_loopback ? kArpLoopback : kArpEthernet, {}};
      std::memcpy(hardware.bytes, interface.hardware_address, sizeof(hardware.bytes));
      put(to, hardware);
      break;
    }
  }
  return {};
}

// SIOCGIFCONF: the interfaces that have an IPv4 address; how much room that takes if there is no buffer.
Result<void> give_configuration(VirtAddr at) {
  auto configuration = TRY(read_application<InterfaceConfiguration>(at));
  Interface all[kMostInterfaces];
  const std::size_t count = list_interfaces(all);
  std::size_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const InterfaceAddress* address = ipv4_address(all[i]);
    if (address == nullptr) continue;
    if (configuration.to != 0) {
      if (used + sizeof(InterfaceRequest) > static_cast<std::size_t>(std::max(configuration.size, 0))) break;
      InterfaceRequest entry{};
      std::memcpy(entry.name, all[i].name, sizeof(entry.name));
      put_address(entry, address->address);
      TRY(write_application(VirtAddr(configuration.to + used), entry));
    }
    used += sizeof(InterfaceRequest);
  }
  configuration.size = static_cast<std::int32_t>(used);
  return write_application(at, configuration);
}

}  // namespace

Result<std::int64_t> InetSocket::control(std::uint32_t request, std::uint64_t argument) {
  return interface_control(request, argument);
}

Result<std::int64_t> interface_control(std::uint32_t request, std::uint64_t argument) {
  const VirtAddr at(argument);
  switch (request) {
    case kGetConfiguration: TRY(give_configuration(at)); return std::int64_t{0};
    case kGetName: {
      auto wanted = TRY(read_application<InterfaceRequest>(at));
      std::uint32_t index = 0;
      std::memcpy(&index, wanted.value, sizeof(index));
      const Interface interface = TRY(interface_by_index(index));
      std::memcpy(wanted.name, interface.name, sizeof(wanted.name));
      TRY(write_application(at, wanted));
      return std::int64_t{0};
    }
    case kGetFlags:
    case kGetAddress:
    case kGetPeerAddress:
    case kGetBroadcast:
    case kGetNetmask:
    case kGetMetric:
    case kGetMtu:
    case kGetHardwareAddress:
    case kGetIndex:
    case kGetQueueLength: {
      auto wanted = TRY(read_application<InterfaceRequest>(at));
      const std::string_view name(wanted.name, strnlen(wanted.name, sizeof(wanted.name)));
      const Interface interface = TRY(interface_by_index(TRY(interface_index(name.substr(0, name.find(':'))))));
      TRY(answer(request, interface, wanted));
      TRY(write_application(at, wanted));
      return std::int64_t{0};
    }
    default: return Errno::kENOTTY;
  }
}

}  // namespace mokapot
