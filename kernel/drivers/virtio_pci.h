// SPDX-License-Identifier: Apache-2.0
//
// virtio over PCI with MSI-X (virtio 1.2, section 4.1).
#pragma once

#include <memory>

#include "drivers/pci.h"
#include "drivers/virtio.h"

namespace mokapot {

// kENODEV: not virtio (silent), or a device that we cannot drive (logged). Boot.
Result<std::unique_ptr<VirtioTransport>> open_virtio_pci(PciAddress function);

}  // namespace mokapot
