// SPDX-License-Identifier: Apache-2.0
//
// virtio-rng (virtio 1.2, section 5.4): feeds device/random.h at boot and every few minutes.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the driver; it lives as long as the kernel. Errors are logged. Thread context.
void start_virtio_entropy(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
