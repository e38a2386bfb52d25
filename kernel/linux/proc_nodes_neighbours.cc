// SPDX-License-Identifier: Apache-2.0
//
// /proc/net/arp, which monitoring tools read, and /proc/net/ipv6_route, from which the JDK learns whether addresses of its
// own are reached by the loopback interface.
#include <cstring>
#include <memory>

#include "base/format.h"
#include "linux/proc_nodes_internal.h"
#include "net/interfaces.h"
#include "net/neighbours.h"

namespace mokapot::proc_nodes {
namespace {

void print_address(TextSink& out, const std::uint8_t (&bytes)[16]) {
  for (const std::uint8_t byte : bytes) out.print("%02x", byte);
}

// Linux's RTF_ flags.
constexpr unsigned kRouteUp = 1, kRouteReject = 0x200, kRouteNonExistent = 0x200000, kRouteLocal = 0x80000000;

struct Ipv6Route {
  std::uint8_t destination[16] = {};
  unsigned prefix = 0;
  std::uint32_t metric = 0;
  unsigned flags = kRouteUp;
};

void print_route(TextSink& out, const Ipv6Route& route, const char* interface) {
  constexpr std::uint8_t kNone[16] = {};
  print_address(out, route.destination);
  out.print(" %02x ", route.prefix);
  print_address(out, kNone);  // sources are not told apart
  out.write(" 00 ");
  print_address(out, kNone);  // next hop
  out.print(" %08x 00000001 00000000 %08x %8s\n", route.metric, route.flags, interface);
}

void print_routes_of(TextSink& out, const Interface& one) {
  constexpr std::uint32_t kLinkMetric = 0x100;
  constexpr unsigned kHost = 128, kGroups = 8;
  bool any = false;
  for (std::size_t i = 0; i < one.address_count; ++i) {
    const InterfaceAddress& own = one.addresses[i];
    if (own.address.is_v4()) continue;
    any = true;
    Ipv6Route local{.prefix = kHost, .flags = kRouteUp | kRouteNonExistent | kRouteLocal};
    std::memcpy(local.destination, own.address.bytes, sizeof local.destination);
    print_route(out, local, one.name);
    if (one.is_loopback) continue;
    Ipv6Route network{.prefix = own.prefix, .metric = kLinkMetric};
    std::memcpy(network.destination, own.address.bytes, own.prefix / 8);
    print_route(out, network, one.name);
  }
  if (!any || one.is_loopback) return;
  Ipv6Route groups{.prefix = kGroups, .metric = kLinkMetric};
  groups.destination[0] = 0xff;
  print_route(out, groups, one.name);
}

}  // namespace

Result<void> print_arp(TextSink& out, PseudoContext) {
  std::unique_ptr<Neighbour[]> all(new (std::nothrow) Neighbour[kMostNeighbours]);
  if (!all) return Errno::kENOMEM;
  const std::size_t count = list_neighbours({all.get(), kMostNeighbours});
  out.print("IP address       HW type     Flags       HW address            Mask     Device\n");
  for (std::size_t i = 0; i < count; ++i) {
    const Neighbour& one = all[i];
    const auto interface = interface_by_index(one.interface);
    if (!interface.ok()) continue;
    char address[16];
    const std::uint8_t* a = one.address.bytes + 12;
    format_to(address, sizeof address, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    const std::uint8_t* h = one.hardware_address;
    // Ethernet, and known.
    out.print("%-16s 0x1         0x2         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", address, h[0], h[1], h[2], h[3],
              h[4], h[5], interface.value().name);
  }
  return {};
}

Result<void> print_ipv6_routes(TextSink& out, PseudoContext) {
  Interface all[kMostInterfaces];
  const std::size_t count = list_interfaces(all);
  for (std::size_t i = 0; i < count; ++i) print_routes_of(out, all[i]);
  const Ipv6Route nowhere{.metric = ~std::uint32_t{0}, .flags = kRouteReject | kRouteNonExistent};
  print_route(out, nowhere, "lo");
  return {};
}

}  // namespace mokapot::proc_nodes
