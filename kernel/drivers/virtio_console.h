// SPDX-License-Identifier: Apache-2.0
//
// virtio-console (virtio 1.2, section 5.3): named ports, each a StreamPort.
#pragma once

#include <memory>

#include "drivers/virtio.h"

namespace mokapot {

// Starts the driver; it lives as long as the kernel. With VIRTIO_CONSOLE_F_MULTIPORT ports register
// under the names that the host gives them, as it announces them (device/stream_port.h says how to
// wait for one); without it there is one port, "console". Errors are logged. Thread context.
void start_virtio_console(std::unique_ptr<VirtioTransport> transport);

}  // namespace mokapot
