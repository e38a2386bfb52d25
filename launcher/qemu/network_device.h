// SPDX-License-Identifier: Apache-2.0
//
// The VM's network device as QEMU is told of it.
#pragma once

#include <string>
#include <vector>

#include "net/network_options.h"

namespace moka {

// The name of the device's host side, to monitor commands.
inline constexpr const char* kNetdevId = "network";

struct NetworkDevice {
  NetworkOptions::Kind kind = NetworkOptions::Kind::kNone;
  std::vector<int> queues;  // of a tap or bridge: one descriptor each, inherited
  int capture = -1;         // inherited; -1 for none
  unsigned mtu = 0;         // 0: the usual one
};

// The words of the command line. `device` is "virtio-net-device" or "virtio-net-pci,...".
std::vector<std::string> network_words(const NetworkDevice& network, const std::string& device,
                                       bool is_pci);

}  // namespace moka
