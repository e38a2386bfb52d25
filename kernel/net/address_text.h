// SPDX-License-Identifier: Apache-2.0
//
// Addresses written as text, as the command line has them. Pure.
#pragma once

#include <string_view>

#include "base/result.h"

#include "lwip/ip_addr.h"

namespace mokapot {

struct AddressWithPrefix {
  ip_addr_t address;
  unsigned prefix = 0;
};

// kEINVAL: not an address of either family; a zone is not accepted.
Result<ip_addr_t> parse_address(std::string_view text);
// ADDRESS/PREFIX; the prefix is needed and fits the family. kEINVAL also for addresses that no interface can have
// (unspecified, loopback, multicast, broadcast).
Result<AddressWithPrefix> parse_interface_address(std::string_view text);

ip4_addr_t netmask_of_prefix(unsigned prefix);
unsigned prefix_of_netmask(const ip4_addr_t& mask);

}  // namespace mokapot
