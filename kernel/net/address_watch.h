// SPDX-License-Identifier: Apache-2.0
//
// What becomes of addresses once they are there: a lease that ends, another machine that has the same one. Each is
// said to the user once. An IPv4 address is used at once, as Linux does, and asked about by ARP at the same time
// (RFC 5227's probe); a second IPv6 address of its kind is not used at all (RFC 4862, 5.4).
//
// Lock: core lock. Contexts: thread.
#pragma once

#include "net/ethernet_interface.h"

struct pbuf;

namespace mokapot {

// Boot, before an interface has addresses; further calls do nothing. `warn` tells the user, and may block.
void watch_addresses(void (*warn)(const char* text)) REQUIRES(net_core_lock());
// An ARP message has come; the packet is the caller's.
void note_arp(EthernetInterface& interface, const pbuf* packet) REQUIRES(net_core_lock());
// Network thread, now and then: tells what has been noted.
void report_address_news() EXCLUDES(net_core_lock());

}  // namespace mokapot
