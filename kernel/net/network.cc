// SPDX-License-Identifier: Apache-2.0
#include "net/network.h"

#include <cstring>

#include "device/net_device.h"
#include "net/address_configuration.h"
#include "net/ethernet_interface.h"
#include "net/network_thread.h"
#include "net/stack.h"
#include "net/stack_memory.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constinit char hostname[65] = {};  // Linux: HOST_NAME_MAX and a NUL

void keep_hostname(std::string_view name) {
  const std::size_t size = name.size() < sizeof(hostname) - 1 ? name.size() : sizeof(hostname) - 1;
  std::memcpy(hostname, name.data(), size);
}

}  // namespace

Result<void> start_network(const NetworkSettings& settings, std::string_view& bad) {
  size_stack_for_memory();
  TRY(initialise_stack());
  keep_hostname(settings.hostname);
  if (net_device(0) == nullptr) settle_without_interfaces();
  for (std::size_t i = 0; NetDevice* device = net_device(i); ++i) {
    EthernetInterface* interface = TRY(EthernetInterface::create(*device, i, hostname[0] != '\0' ? hostname : nullptr));
    TRY(configure_addresses(*interface, settings, bad));
  }
  return start_network_thread();
}

}  // namespace mokapot
