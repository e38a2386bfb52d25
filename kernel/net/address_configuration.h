// SPDX-License-Identifier: Apache-2.0
//
// How interfaces come by their addresses: DHCP or the command line for IPv4, router advertisements and the command
// line for IPv6. Knows when the network has settled: its first interface has an address, or has not got one in
// time, which is said once.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include "base/types.h"
#include "net/ethernet_interface.h"
#include "net/network.h"

namespace mokapot {

// Boot, each interface in turn; kENOMEM. Only the first has what the command line says.
Result<void> configure_addresses(EthernetInterface& interface, const NetworkSettings& settings, std::string_view& bad)
    EXCLUDES(net_core_lock());
// There is no interface to wait for.
void settle_without_interfaces();

// Network thread, now and then: notices that there is an address, or none in time. Returns when to look again.
Instant check_address_configuration() EXCLUDES(net_core_lock());

}  // namespace mokapot
