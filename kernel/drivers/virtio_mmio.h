// SPDX-License-Identifier: Apache-2.0
//
// virtio over memory-mapped registers, version 2 (virtio 1.2, section 4.2).
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// kENODEV: nothing there (an empty slot is normal and silent), or a legacy device (logged). Boot.
Result<std::unique_ptr<VirtioTransport>> open_virtio_mmio(const VirtioMmioDescription& description);

}  // namespace mokapot
