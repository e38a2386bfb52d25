// SPDX-License-Identifier: Apache-2.0
#include "net/firewall.h"

#include "net/lwip_port/include/lwip_hooks.h"

#include "lwip/ip.h"
#include "lwip/netif.h"

namespace mokapot {
namespace {

constinit FirewallCounters dropped GUARDED_BY(net_core_lock());

// A packet to an address of our own stays inside, whichever interface has the address.
bool came_from_outside(const netif& interface) {
  return (interface.flags & NETIF_FLAG_ETHERNET) != 0 && ip_current_input_netif() == &interface &&
         !ip_addr_cmp(ip_current_src_addr(), ip_current_dest_addr());
}

}  // namespace

FirewallCounters firewall_counters() { return dropped; }

}  // namespace mokapot

// lwIP calls it with the core lock held.
extern "C" int mokapot_nobody_listens(netif* from, u8_t protocol) NO_THREAD_SAFETY_ANALYSIS {
  using namespace mokapot;
  if (!came_from_outside(*from)) return 0;
  ++(protocol == IP_PROTO_TCP ? dropped.tcp : dropped.udp);
  return 1;
}
