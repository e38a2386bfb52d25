// SPDX-License-Identifier: Apache-2.0
//
// Which ports are to appear on the host, and where: the user's options, held against what the host
// has.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/ip_address.h"
#include "net/network_options.h"
#include "publish/management_ports.h"
#include "support/result.h"

namespace moka {

struct PublisherPlan {
  // On the host: an address, a protocol and a port lead to one of the guest's.
  struct Mapping {
    Protocol protocol = Protocol::kTcp;
    std::uint16_t host_port = 0;
    std::uint16_t guest_port = 0;
    std::vector<IpAddress> addresses;
  };

  bool is_forwarded = true;          // else the VM is reached at `addresses` itself
  bool publishes = true;             // without being asked for
  std::vector<IpAddress> addresses;  // for all that is published without being asked for
  std::vector<Mapping> mappings;     // -p
  ManagementPorts management;
  pid_t forwarder = 0;  // the process that listens for us, where one does
  std::chrono::steady_clock::time_point start;
};

// The plan for these options, or what the user must change: a port of -p is taken, or the host has
// no such address. `start`: from when seconds are counted.
Result<PublisherPlan> plan_publishing(const NetworkOptions& options,
                                      const std::vector<std::string>& jvm_options,
                                      std::chrono::steady_clock::time_point start);

}  // namespace moka
