// SPDX-License-Identifier: Apache-2.0

#include "drivers/pci.h"

#include <cstring>

#include "arch/port_io.h"
#include "drivers/mmio.h"
#include "drivers/pci_layout.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kAddressPort = 0xcf8;
constexpr std::uint16_t kDataPort = 0xcfc;
constexpr std::uint32_t kAddressEnable = 1u << 31;

constinit SpinLock port_lock{LockRank::kIrq};

// Constant after initialise_pci, but for buses, which enumeration fills in before any other use.
enum class Access : std::uint8_t { kNone, kPorts, kEcam };
constinit Access access_method = Access::kNone;
constinit EcamRange ecam{};
constinit Mmio buses[256];

constexpr std::uint64_t kEcamBusSize = 1u << 20;

// The registers of a bus in ECAM, mapped when first asked for; not valid if it has none.
const Mmio& ecam_bus(std::uint8_t bus) {
  Mmio& registers = buses[bus];
  if (!registers.valid() && bus >= ecam.first_bus && bus <= ecam.last_bus) {
    auto window = Mmio::map(ecam.address + bus * kEcamBusSize, kEcamBusSize);
    if (window.ok()) registers = window.take();
  }
  return registers;
}

std::uint32_t ecam_offset(PciAddress f, std::uint32_t offset) {
  return (std::uint32_t{f.device} << 15) | (std::uint32_t{f.function} << 12) | offset;
}
std::uint32_t port_address(PciAddress f, std::uint32_t offset) {
  return kAddressEnable | (std::uint32_t{f.bus} << 16) | (std::uint32_t{f.device} << 11) |
         (std::uint32_t{f.function} << 8) | (offset & 0xfc);
}

bool ports_answer() {
  // The address register of a host bridge keeps what is written; an empty bus does not.
  const std::uint32_t before = arch::read_port32(kAddressPort);
  arch::write_port32(kAddressPort, kAddressEnable);
  const bool kept = arch::read_port32(kAddressPort) == kAddressEnable;
  arch::write_port32(kAddressPort, before);
  return kept;
}

struct Visitor {
  void (*visit)(PciAddress function, void* context);
  void* context;
};

void scan_bus(std::uint8_t bus, const Visitor& visitor);

void scan_function(PciAddress f, const Visitor& visitor) {
  constexpr std::uint8_t kHeaderBridge = 1;
  visitor.visit(f, visitor.context);
  if ((pci_read8(f, pci::kHeaderType) & 0x7f) != kHeaderBridge) return;
  const std::uint8_t behind = pci_read8(f, pci::kSecondaryBus);
  // Numbers only grow away from the root, so this ends; firmware has not numbered a bridge that
  // says 0.
  if (behind > f.bus) scan_bus(behind, visitor);
}

void scan_bus(std::uint8_t bus, const Visitor& visitor) {
  constexpr std::uint8_t kMultiFunction = 0x80;
  for (std::uint8_t device = 0; device < 32; ++device) {
    const PciAddress first{bus, device, 0};
    if (pci_read16(first, pci::kVendor) == pci::kNoVendor) continue;
    scan_function(first, visitor);
    if ((pci_read8(first, pci::kHeaderType) & kMultiFunction) == 0) continue;
    for (std::uint8_t function = 1; function < 8; ++function) {
      const PciAddress other{bus, device, function};
      if (pci_read16(other, pci::kVendor) != pci::kNoVendor) scan_function(other, visitor);
    }
  }
}

}  // namespace

bool initialise_pci(const Platform& platform) {
  if (ports_answer()) {
    access_method = Access::kPorts;
  } else if (platform.ecam.size() > 0) {
    access_method = Access::kEcam;
    ecam = platform.ecam[0];
  }
  return access_method != Access::kNone;
}

std::uint32_t pci_read32(PciAddress f, std::uint32_t offset) {
  if (access_method == Access::kPorts) {
    IrqSpinGuard guard(port_lock);
    arch::write_port32(kAddressPort, port_address(f, offset));
    return arch::read_port32(kDataPort);
  }
  const Mmio& registers = ecam_bus(f.bus);
  return registers.valid() ? registers.read32(ecam_offset(f, offset)) : UINT32_MAX;
}
std::uint16_t pci_read16(PciAddress f, std::uint32_t offset) {
  return static_cast<std::uint16_t>(pci_read32(f, offset & ~3u) >> (8 * (offset & 2)));
}
std::uint8_t pci_read8(PciAddress f, std::uint32_t offset) {
  return static_cast<std::uint8_t>(pci_read32(f, offset & ~3u) >> (8 * (offset & 3)));
}

void pci_write32(PciAddress f, std::uint32_t offset, std::uint32_t value) {
  if (access_method == Access::kPorts) {
    IrqSpinGuard guard(port_lock);
    arch::write_port32(kAddressPort, port_address(f, offset));
    arch::write_port32(kDataPort, value);
    return;
  }
  const Mmio& registers = ecam_bus(f.bus);
  if (registers.valid()) registers.write32(ecam_offset(f, offset), value);
}
void pci_write16(PciAddress f, std::uint32_t offset, std::uint16_t value) {
  if (access_method == Access::kPorts) {
    // A 16-bit access of its own: writing the neighbour back could clear bits that clear when
    // written.
    IrqSpinGuard guard(port_lock);
    arch::write_port32(kAddressPort, port_address(f, offset));
    arch::write_port16(static_cast<std::uint16_t>(kDataPort + (offset & 2)), value);
    return;
  }
  const Mmio& registers = ecam_bus(f.bus);
  if (registers.valid()) registers.write16(ecam_offset(f, offset), value);
}

void for_each_pci_function(void (*visit)(PciAddress function, void* context), void* context) {
  const std::uint8_t root = access_method == Access::kEcam ? ecam.first_bus : std::uint8_t{0};
  scan_bus(root, Visitor{visit, context});
}

PciConfiguration read_pci_configuration(PciAddress function) {
  PciConfiguration bytes;
  for (std::uint32_t offset = 0; offset < bytes.size(); offset += 4) {
    const std::uint32_t word = pci_read32(function, offset);
    std::memcpy(bytes.data() + offset, &word, sizeof(word));
  }
  return bytes;
}

void enable_pci_function(PciAddress function) {
  constexpr std::uint16_t kMemory = 1u << 1, kBusMaster = 1u << 2, kNoLineInterrupt = 1u << 10;
  pci_write16(function, pci::kCommand, kMemory | kBusMaster | kNoLineInterrupt);
}

}  // namespace mokapot
