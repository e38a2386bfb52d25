// SPDX-License-Identifier: Apache-2.0
//
// /proc/net's tables of interfaces and sockets, and /sys/class/net. Java reads if_inet6 to learn whether there is IPv6.
#include "linux/proc_nodes_internal.h"
#include "net/inet_socket.h"
#include "net/interfaces.h"

#include <cstring>

namespace mokapot::proc_nodes {
namespace {

template <typename Visit>
Result<void> for_each_interface(Visit visit) {
  Interface all[kMostInterfaces];
  const std::size_t count = list_interfaces(all);
  for (std::size_t i = 0; i < count; ++i) visit(all[i]);
  return {};
}

// --- Sockets ----------------------------------------------------------------------------------------------

// Addresses as 32-bit words of this machine's byte order.
void print_end(TextSink& out, const InetEndpoint& end, int family) {
  std::uint32_t words[4];
  std::memcpy(words, end.address.bytes, sizeof(words));
  if (family == kFamilyIpv4) {
    out.print("%08X:%04X", end.address.is_v4() ? words[3] : 0, end.port);
  } else {
    out.print("%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3], end.port);
  }
}

struct SocketTable {
  TextSink& out;
  int family;
  InetProtocol protocol;
  unsigned row = 0;
};

void print_socket(const PortHolder& holder, void* context) {
  auto& table = *static_cast<SocketTable*>(context);
  if (holder.socket.family() != table.family) return;
  const InetSocket::Shown shown = holder.socket.shown(holder);
  const bool tcp = table.protocol == InetProtocol::kTcp;
  table.out.print(tcp ? "%4u: " : "%5u: ", table.row++);
  print_end(table.out, shown.local, table.family);
  table.out.print(" ");
  print_end(table.out, shown.remote, table.family);
  table.out.print(" %02X %08zX:%08zX 00:00000000 00000000 %5u %8d %lu 2 0000000000000000", shown.state, shown.to_send,
                  shown.to_read, 0u, 0, number(shown.inode));
  if (tcp) {
    table.out.print(" 100 0 0 10 0\n");
  } else {
    table.out.print(" %lu\n", number(shown.dropped));
  }
}

Result<void> print_sockets(TextSink& out, int family, InetProtocol protocol) {
  const bool v4 = family == kFamilyIpv4;
  if (protocol == InetProtocol::kTcp) {
    out.print(v4 ? "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
                   "                                                     \n"
                 : "  sl  local_address                         remote_address                        st tx_queue rx_queue"
                   " tr tm->when retrnsmt   uid  timeout inode\n");
  } else {
    out.print(v4 ? "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref"
                   " pointer drops             \n"
                 : "  sl  local_address                         remote_address                        st tx_queue rx_queue"
                   " tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n");
  }
  SocketTable table{out, family, protocol};
  visit_port_holders(protocol, &print_socket, &table);
  return {};
}

// --- /sys/class/net/NAME; context.a is the interface's index ------------------------------------------------------

Result<PseudoContext> find_device(std::string_view name, PseudoContext) {
  const Result<std::uint32_t> index = interface_index(name);
  if (!index.ok()) return Errno::kENOENT;
  return PseudoContext{index.value(), 0};
}

Result<void> list_devices(PseudoContext, std::uint64_t first,
                          bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  bool goes_on = true;
  return for_each_interface([&](const Interface& one) {
    if (goes_on && one.index >= first) goes_on = visit(one.index, one.name, visitor);
  });
}

template <auto kPrint>
Result<void> print_device(TextSink& out, PseudoContext context) {
  const Interface one = TRY(interface_by_index(static_cast<std::uint32_t>(context.a)));
  kPrint(out, one);
  return {};
}

template <std::uint64_t Interface::*kCounter>
Result<void> print_counter(TextSink& out, PseudoContext context) {
  const Interface one = TRY(interface_by_index(static_cast<std::uint32_t>(context.a)));
  out.print("%lu\n", number(one.*kCounter));
  return {};
}

void print_hardware_address(TextSink& out, const Interface& one) {
  const std::uint8_t* b = one.hardware_address;
  out.print("%02x:%02x:%02x:%02x:%02x:%02x\n", b[0], b[1], b[2], b[3], b[4], b[5]);
}

constexpr PseudoEntry kStatistics[] = {
    pseudo_text("collisions", "0\n"),
    pseudo_file("rx_bytes", print_counter<&Interface::received_bytes>),
    pseudo_file("rx_dropped", print_counter<&Interface::received_drops>),
    pseudo_file("rx_errors", print_counter<&Interface::received_errors>),
    pseudo_file("rx_packets", print_counter<&Interface::received_packets>),
    pseudo_file("tx_bytes", print_counter<&Interface::sent_bytes>),
    pseudo_file("tx_dropped", print_counter<&Interface::sent_drops>),
    pseudo_file("tx_errors", print_counter<&Interface::sent_errors>),
    pseudo_file("tx_packets", print_counter<&Interface::sent_packets>),
    kPseudoEnd,
};

constexpr std::uint32_t kShownFlags = Interface::kUp | Interface::kBroadcast | Interface::kLoopback | Interface::kMulticast;
constexpr PseudoEntry kDeviceEntries[] = {
    pseudo_file("address", print_device<print_hardware_address>),
    pseudo_file("carrier", print_device<[](TextSink& out, const Interface& one) {
                  out.print("%d\n", (one.flags & Interface::kLowerUp) != 0 ? 1 : 0);
                }>),
    pseudo_file("flags", print_device<[](TextSink& out, const Interface& one) {
                  out.print("0x%x\n", one.flags & kShownFlags);
                }>),
    pseudo_file("ifindex", print_device<[](TextSink& out, const Interface& one) { out.print("%u\n", one.index); }>),
    pseudo_file("mtu", print_device<[](TextSink& out, const Interface& one) { out.print("%u\n", one.mtu); }>),
    pseudo_file("operstate", print_device<[](TextSink& out, const Interface& one) {
                  const bool up = (one.flags & Interface::kLowerUp) != 0;
                  out.print("%s\n", one.is_loopback ? "unknown" : up ? "up" : "down");
                }>),
    pseudo_directory("statistics", kStatistics),
    pseudo_file("type", print_device<[](TextSink& out, const Interface& one) {
                  out.print("%d\n", one.is_loopback ? 772 : 1);
                }>),
    kPseudoEnd,
};
constexpr PseudoEntry kDevice = pseudo_directory("", kDeviceEntries);

}  // namespace

const PseudoDynamic kNetDevices{find_device, list_devices, &kDevice};

Result<void> print_net_devices(TextSink& out, PseudoContext) {
  out.print("Inter-|   Receive                                                |  Transmit\n"
            " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls"
            " carrier compressed\n");
  return for_each_interface([&](const Interface& one) {
    out.print("%6s: %7lu %7lu %4lu %4lu    0     0          0         0 %8lu %7lu %4lu %4lu    0     0       0          0\n",
              one.name, number(one.received_bytes), number(one.received_packets), number(one.received_errors),
              number(one.received_drops), number(one.sent_bytes), number(one.sent_packets), number(one.sent_errors),
              number(one.sent_drops));
  });
}

Result<void> print_if_inet6(TextSink& out, PseudoContext) {
  return for_each_interface([&](const Interface& one) {
    for (std::size_t i = 0; i < one.address_count; ++i) {
      const InterfaceAddress& address = one.addresses[i];
      if (address.address.is_v4()) continue;
      for (const std::uint8_t byte : address.address.bytes) out.print("%02x", byte);
      const unsigned scope = address.address.is_loopback() ? 0x10 : address.address.is_link_local() ? 0x20 : 0;
      out.print(" %02x %02x %02x %02x %8s\n", one.index, address.prefix, scope, address.flags, one.name);
    }
  });
}

Result<void> print_net_routes(TextSink& out, PseudoContext) {
  constexpr unsigned kUp = 1, kGateway = 2;
  out.print("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
            "                                                       \n");
  return for_each_interface([&](const Interface& one) {
    if (one.is_loopback) return;
    auto row = [&](std::uint32_t destination, std::uint32_t gateway, unsigned flags, std::uint32_t mask) {
      out.print("%s\t%08X\t%08X\t%04X\t0\t0\t0\t%08X\t0\t0\t0\n", one.name, destination, gateway, flags, mask);
    };
    if (!one.gateway.is_any()) row(0, one.gateway.v4(), kUp | kGateway, 0);
    for (std::size_t i = 0; i < one.address_count; ++i) {
      const InterfaceAddress& address = one.addresses[i];
      if (!address.address.is_v4()) continue;
      const std::uint32_t mask = address.prefix == 0 ? 0 : __builtin_bswap32(~std::uint32_t{0} << (32 - address.prefix));
      row(address.address.v4() & mask, 0, kUp, mask);
    }
  });
}

Result<void> print_net_tcp(TextSink& out, PseudoContext) { return print_sockets(out, kFamilyIpv4, InetProtocol::kTcp); }
Result<void> print_net_tcp6(TextSink& out, PseudoContext) { return print_sockets(out, kFamilyIpv6, InetProtocol::kTcp); }
Result<void> print_net_udp(TextSink& out, PseudoContext) { return print_sockets(out, kFamilyIpv4, InetProtocol::kUdp); }
Result<void> print_net_udp6(TextSink& out, PseudoContext) { return print_sockets(out, kFamilyIpv6, InetProtocol::kUdp); }

}  // namespace mokapot::proc_nodes
