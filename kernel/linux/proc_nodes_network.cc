// SPDX-License-Identifier: Apache-2.0
//
// /proc/net. `pnp` is where Linux's own DHCP client leaves what resolv.conf is to say; /etc/resolv.conf is a link to it.
#include "linux/proc_nodes_internal.h"
#include "net/network.h"

namespace mokapot::proc_nodes {
namespace {

// Opening it waits for the network: whoever reads it is about to resolve a name, and would keep what it finds.
Result<void> print_resolver_configuration(TextSink& out, PseudoContext) {
  TRY(wait_for_network(Interruptible::kYes));
  char text[512];
  out.write({text, format_resolver_configuration(text, sizeof(text))});
  return {};
}

}  // namespace

const PseudoEntry kNetworkEntries[] = {
    pseudo_file("arp", print_arp),
    pseudo_file("dev", print_net_devices),
    pseudo_file("if_inet6", print_if_inet6),
    pseudo_file("ipv6_route", print_ipv6_routes),
    pseudo_file("netstat", print_more_statistics),
    pseudo_file("pnp", print_resolver_configuration),
    pseudo_file("route", print_net_routes),
    pseudo_file("snmp", print_protocol_statistics),
    pseudo_file("snmp6", print_protocol6_statistics),
    pseudo_file("sockstat", print_socket_statistics),
    pseudo_file("sockstat6", print_socket6_statistics),
    pseudo_file("tcp", print_net_tcp),
    pseudo_file("tcp6", print_net_tcp6),
    pseudo_file("udp", print_net_udp),
    pseudo_file("udp6", print_net_udp6),
    pseudo_text("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
    kPseudoEnd,
};

}  // namespace mokapot::proc_nodes
