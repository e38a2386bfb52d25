// SPDX-License-Identifier: Apache-2.0
//
// virtio-blk (virtio 1.2, section 5.2) as a BlockDevice.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the driver and registers the disk; it lives as long as the kernel. Errors are logged.
// Thread context.
void start_virtio_block(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
