// SPDX-License-Identifier: Apache-2.0
#include "net/neighbours.h"

#include <cstring>

#include "net/stack.h"

#include "lwip/etharp.h"
#include "lwip/netif.h"

namespace mokapot {

std::size_t list_neighbours(std::span<Neighbour> to) {
  static_assert(ARP_TABLE_SIZE <= kMostNeighbours);
  const NetCoreGuard core;
  std::size_t count = 0;
  for (std::size_t i = 0; i < ARP_TABLE_SIZE && count < to.size(); ++i) {
    ip4_addr_t* address = nullptr;
    netif* interface = nullptr;
    eth_addr* hardware = nullptr;
    if (etharp_get_entry(i, &address, &interface, &hardware) == 0) continue;
    Neighbour& found = to[count++];
    found.address = InetAddress::from_v4(&address->addr);
    found.interface = netif_get_index(interface);
    std::memcpy(found.hardware_address, hardware->addr, sizeof found.hardware_address);
  }
  return count;
}

}  // namespace mokapot
