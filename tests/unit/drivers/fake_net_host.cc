// SPDX-License-Identifier: Apache-2.0

#include "drivers/fake_net_host.h"

#include <memory>

namespace mokapot {

NetDevice* fake::last_registered = nullptr;

fake::NetHost& fake::make_net_host(std::uint64_t features) {
  static auto& hosts = *new std::vector<std::unique_ptr<NetHost>>;
  return *hosts.emplace_back(std::make_unique<NetHost>(features));
}

Result<void> register_net_device(NetDevice* device) {
  fake::last_registered = device;
  return {};
}

}  // namespace mokapot
