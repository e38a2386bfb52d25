// SPDX-License-Identifier: Apache-2.0
#include "device/net_device.h"

namespace mokapot {
namespace {

NetDevice* devices[kMaxNetDevices];
std::size_t device_count = 0;

}  // namespace

Result<void> register_net_device(NetDevice* device) {
  if (device_count == kMaxNetDevices) return Errno::kENOSPC;
  devices[device_count++] = device;
  return {};
}

NetDevice* net_device(std::size_t index) { return index < device_count ? devices[index] : nullptr; }

}  // namespace mokapot
