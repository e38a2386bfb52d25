// SPDX-License-Identifier: Apache-2.0
//
// What is done about packets that no socket wants: from the network they are dropped without a word, so that a scan
// learns nothing; loopback answers as Linux does. Only listening ports answer, then, without a list of ports.
//
// Lock: core lock.
#pragma once

#include <cstdint>

#include "net/stack.h"

namespace mokapot {

struct FirewallCounters {
  std::uint64_t tcp = 0, udp = 0;  // packets dropped
};
FirewallCounters firewall_counters() REQUIRES(net_core_lock());

}  // namespace mokapot
