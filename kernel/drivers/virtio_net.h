// SPDX-License-Identifier: Apache-2.0
//
// virtio-net (virtio 1.2, section 5.1) as a NetDevice.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the driver and registers the interface; it lives as long as the kernel. Errors are logged.
// Thread context.
void start_virtio_net(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
