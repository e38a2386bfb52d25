// SPDX-License-Identifier: Apache-2.0
//
// Finds the devices and gives each to its driver. Boot's thread.

#include "drivers/drivers.h"
#include "drivers/mapped_disk.h"
#include "drivers/pci.h"
#include "drivers/serial.h"
#include "drivers/virtio_9p.h"
#include "drivers/virtio_block.h"
#include "drivers/virtio_console.h"
#include "drivers/virtio_entropy.h"
#include "drivers/virtio_mmio.h"
#include "drivers/virtio_net.h"
#include "drivers/virtio_pci.h"
#include "drivers/virtio_scsi.h"
#include "trace/log.h"

namespace mokapot {
namespace {

void start_driver(std::unique_ptr<VirtioTransport> transport) {
  switch (static_cast<VirtioType>(transport->type())) {
    case VirtioType::kNet:
      start_virtio_net(std::move(transport));
      break;
    case VirtioType::kBlock:
      start_virtio_block(std::move(transport));
      break;
    case VirtioType::kConsole:
      start_virtio_console(std::move(transport));
      break;
    case VirtioType::kEntropy:
      start_virtio_entropy(std::move(transport));
      break;
    case VirtioType::kScsi:
      start_virtio_scsi(std::move(transport));
      break;
    case VirtioType::k9p:
      start_virtio_9p(std::move(transport));
      break;
    default:
      LOG_INFO("virtio %s: no driver for device type %u", transport->name(), transport->type());
      break;
  }
}

struct PciProbe {
  const Platform& platform;
};

void probe_pci_function(PciAddress function, void* context) {
  // SAFETY: probe_devices() below passes one.
  start_mapped_disk(function, static_cast<PciProbe*>(context)->platform);
  auto transport = open_virtio_pci(function);
  if (transport.ok()) start_driver(transport.take());
}

void probe_mmio(const VirtioMmioDescription& description) {
  auto transport = open_virtio_mmio(description);
  if (transport.ok()) start_driver(transport.take());
}

// QEMU's microvm has its transports at fixed places, and says where only through ACPI or the
// command line; this is for when it is told to do neither. Only on a machine without PCI, where
// these addresses can be nothing else.
void probe_fixed_window(const Platform& platform) {
  constexpr PhysAddr kWindow(0xfeb0'0000);
  constexpr std::uint32_t kTransportSize = 512;
  // Without ACPI, 8 transports from line 5 on; with it, 8 from 16 or, given a second IOAPIC, 24
  // from 24.
  const bool second_io_apic = platform.io_apics.size() > 1;
  const std::uint32_t count = second_io_apic ? 24 : 8;
  const std::uint32_t first_line = second_io_apic ? 24 : platform.has_acpi ? 16 : 5;
  for (std::uint32_t i = 0; i < count; ++i) {
    probe_mmio({kWindow + i * kTransportSize, kTransportSize, first_line + i, Trigger::kEdge,
                Polarity::kActiveHigh});
  }
}

}  // namespace

void probe_devices(const Platform& platform) {
  start_serial_port(platform);
  for (const VirtioMmioDescription& description : platform.virtio_mmio) probe_mmio(description);
  if (initialise_pci(platform)) {
    PciProbe probe{platform};
    for_each_pci_function(&probe_pci_function, &probe);
  } else if (platform.virtio_mmio.size() == 0) {
    probe_fixed_window(platform);
  }
}

}  // namespace mokapot
