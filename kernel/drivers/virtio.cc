// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio.h"

#include <algorithm>
#include <bit>

#include "trace/log.h"

namespace mokapot {

std::uint64_t read_configuration64(VirtioTransport& transport, std::uint32_t offset) {
  // Bounded: a device that changes for ever is answered with its last word.
  std::uint64_t value = 0;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const std::uint32_t before = transport.configuration_generation();
    value = transport.read_configuration32(offset) |
            (std::uint64_t{transport.read_configuration32(offset + 4)} << 32);
    if (transport.configuration_generation() == before) break;
  }
  return value;
}

Result<std::uint64_t> negotiate(VirtioTransport& transport, std::uint64_t wanted) {
  transport.set_status(0);
  transport.set_status(kStatusAcknowledge);
  transport.set_status(kStatusAcknowledge | kStatusDriver);
  const std::uint64_t offered = transport.device_features();
  if ((offered & feature_bit(kFeatureVersion1)) == 0) {
    LOG_ERROR("virtio %s: the device is a legacy one (before virtio 1.0), which is not supported",
              transport.name());
    transport.set_status(kStatusFailed);
    return Errno::kENODEV;
  }
  const std::uint64_t features = offered & (wanted | feature_bit(kFeatureVersion1));
  transport.set_driver_features(features);
  transport.set_status(kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk);
  if ((transport.status() & kStatusFeaturesOk) == 0) {
    LOG_ERROR("virtio %s: the device refuses features %#llx of the %#llx that it offers",
              transport.name(), static_cast<unsigned long long>(features),
              static_cast<unsigned long long>(offered));
    transport.set_status(kStatusFailed);
    return Errno::kENODEV;
  }
  return features;
}

Result<OwnedQueue> set_up_queue(VirtioTransport& transport, std::uint16_t queue,
                                std::uint16_t max_size, std::uint64_t features) {
  const std::uint16_t limit = transport.queue_size_limit(queue);
  if (limit == 0) return Errno::kENODEV;
  const std::uint16_t size = std::bit_floor(std::min(limit, max_size));
  OwnedQueue owned;
  owned.memory = TRY(DmaMemory::allocate(Virtqueue::memory_size(size)));
  owned.rings = TRY(Virtqueue::create(size, owned.memory.at<std::uint8_t>(), owned.memory.address(),
                                      (features & feature_bit(kFeatureEventIndex)) != 0
                                          ? Virtqueue::EventIndex::kYes
                                          : Virtqueue::EventIndex::kNo));
  TRY(transport.enable_queue(queue, owned.rings));
  return owned;
}

void start_device(VirtioTransport& transport) {
  transport.set_status(kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk);
}

void fail_device(VirtioTransport& transport) {
  transport.set_status(0);
  transport.set_status(kStatusFailed);
}

}  // namespace mokapot
