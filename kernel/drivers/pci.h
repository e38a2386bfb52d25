// SPDX-License-Identifier: Apache-2.0
//
// PCI: configuration space and the enumeration of functions, through the ports of a PC or, where
// those do not answer, through ECAM memory. PCI Local Bus 3.0, chapter 6; segment 0 only.
//
// Lock: a spinlock around the port pair (rank kIrq), interrupts off. Enumeration: boot's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/types.h"
#include "drivers/platform.h"
#include "irq/irq.h"

namespace mokapot {

struct PciAddress {
  std::uint8_t bus;
  std::uint8_t device;    // 0..31
  std::uint8_t function;  // 0..7
};

// Finds out how to reach configuration space. False: this machine has no PCI.
bool initialise_pci(const Platform& platform);

// offset is aligned to the access and below 256.
std::uint32_t pci_read32(PciAddress function, std::uint32_t offset);
std::uint16_t pci_read16(PciAddress function, std::uint32_t offset);
std::uint8_t pci_read8(PciAddress function, std::uint32_t offset);
void pci_write32(PciAddress function, std::uint32_t offset, std::uint32_t value);
void pci_write16(PciAddress function, std::uint32_t offset, std::uint16_t value);

// Calls visit for every function that is there, behind bridges too.
void for_each_pci_function(void (*visit)(PciAddress function, void* context), void* context);

// The first 256 bytes of a function's configuration space.
using PciConfiguration = std::array<std::uint8_t, 256>;
PciConfiguration read_pci_configuration(PciAddress function);

// Lets the function answer in memory and be bus master.
void enable_pci_function(PciAddress function);

}  // namespace mokapot
