// SPDX-License-Identifier: Apache-2.0
//
// The host's side of the VM's network device: what QEMU inherits for it, and what the guest's
// kernel is told of its addresses.
#pragma once

#include <string>
#include <vector>

#include "net/network_options.h"
#include "qemu/network_device.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class HostNetwork {
 public:
  HostNetwork() = default;  // no network
  // Opens tap, bridge and capture file; what cannot be had is an error for the user. `cpus`: for a
  // queue each, where there are several.
  static Result<HostNetwork> open(const NetworkOptions& options, unsigned cpus);

  NetworkDevice device() const;
  std::vector<int> descriptors() const;
  // QEMU has its own now.
  void close();

 private:
  NetworkOptions::Kind kind_ = NetworkOptions::Kind::kNone;
  unsigned mtu_ = 0;
  std::vector<UniqueFd> queues_;
  UniqueFd capture_;
};

// Words of the kernel's command line (contract::kOptionAddress and its kin).
std::vector<std::string> address_words(const NetworkOptions& options);

}  // namespace moka
