// SPDX-License-Identifier: Apache-2.0
//
// virtio-9p (QEMU's docs/specs and Linux's virtio_9p.h; the virtio specification reserves the number
// 9 for it) as a MessageChannel.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the driver and registers the channel; it lives as long as the kernel. Errors are logged.
// Thread context.
void start_virtio_9p(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
