// SPDX-License-Identifier: Apache-2.0
//
// The hardware addresses of IPv4 neighbours that the stack knows: lwIP's ARP table. Takes the core lock; thread context.
#pragma once

#include <cstdint>
#include <span>

#include "net/inet_address.h"

namespace mokapot {

struct Neighbour {
  InetAddress address;
  std::uint8_t hardware_address[6] = {};
  std::uint32_t interface = 0;  // its index
};
inline constexpr std::size_t kMostNeighbours = 128;
std::size_t list_neighbours(std::span<Neighbour> to);

}  // namespace mokapot
