// SPDX-License-Identifier: Apache-2.0
//
// The network as boot sees it: one call that starts it, and what the rest of the kernel wants to know of it.
// Starting does not wait for an address; who needs one waits (wait_for_network).
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "base/vector.h"
#include "sched/thread.h"

namespace mokapot {

struct NetworkSettings {
  // As on the command line: ADDRESS/PREFIX, addresses. With an IPv4 address nothing asks for DHCP.
  Vector<std::string_view> addresses, gateways, name_servers;
  std::string_view hostname;
  // One line that the user should see. Thread context, may block.
  void (*warn)(const char* text) = nullptr;
};

// Brings up loopback and every device. kENOMEM; kEINVAL: a setting is not an address, and `bad` says which. Without
// a device there is loopback, and nobody waits. The settings' text must stay. Boot, after the drivers.
Result<void> start_network(const NetworkSettings& settings, std::string_view& bad);

// Waits until the first interface has an address, or it is clear that it gets none soon; at most some seconds
// after the start, and not at all without a device. For whoever is about to use or show addresses. kEINTR. Thread
// context, nothing locked.
Result<void> wait_for_network(Interruptible interruptible);
// The same question without waiting. Any context.
bool network_settled();

// The name servers in resolv.conf's format, and the search domain if one is known. Returns the length.
std::size_t format_resolver_configuration(char* buffer, std::size_t size);

}  // namespace mokapot
