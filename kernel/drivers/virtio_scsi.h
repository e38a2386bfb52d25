// SPDX-License-Identifier: Apache-2.0
//
// Disks behind a virtio SCSI host adapter, as Google's machines have them. Boot's thread.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the adapter, looks for disks at every target, and registers those that it finds. Blocks.
void start_virtio_scsi(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
