// SPDX-License-Identifier: Apache-2.0
//
// PCI Local Bus 3.0, 6.2.5.1: all ones are written to a BAR, and what stays zero is what the function does not compare.

#include "drivers/pci_place.h"

#include <bit>

#include "drivers/pci_layout.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kTypeMask = 7, kMemory64 = 4, kFlags = 0xf;
constexpr std::uint16_t kAnswersInMemory = 1u << 1;

// How much of each of the platform's windows has been given away.
constinit std::uint64_t given[decltype(Platform::pci_windows)::kMost] = {};

void note_if_placed(PciAddress function, void* context) {
  const PciConfiguration bytes = read_pci_configuration(function);
  if ((bytes[pci::kHeaderType] & 0x7f) != 0) return;  // a bridge has other things where these are
  constexpr unsigned kBars = 6;
  for (unsigned bar = 0; bar < kBars; ++bar) {
    if (pci::memory_bar(bytes, bar)) *static_cast<bool*>(context) = true;
  }
}

bool firmware_places() {
  static constinit bool known = false, places = false;
  if (!known) for_each_pci_function(&note_if_placed, &places);
  known = true;
  return places;
}

std::uint64_t size_of(PciAddress function, std::uint32_t offset) {
  const std::uint32_t low = pci_read32(function, offset), high = pci_read32(function, offset + 4);
  pci_write32(function, offset, UINT32_MAX);
  pci_write32(function, offset + 4, UINT32_MAX);
  const std::uint64_t compared =
      (std::uint64_t{pci_read32(function, offset + 4)} << 32) | (pci_read32(function, offset) & ~kFlags);
  pci_write32(function, offset, low);
  pci_write32(function, offset + 4, high);
  return ~compared + 1;
}

Result<PhysAddr> take_place(std::uint64_t size, const Platform& platform) {
  // The window above 4 GiB comes last and is the larger one.
  for (std::size_t i = platform.pci_windows.size(); i-- > 0;) {
    const PciWindow& window = platform.pci_windows[i];
    const std::uint64_t begin = align_up(window.begin.value() + given[i], size);
    const std::uint64_t skipped = begin - window.begin.value();
    if (skipped > window.size || size > window.size - skipped) continue;
    given[i] = skipped + size;
    return PhysAddr(begin);
  }
  return Errno::kENOSPC;
}

}  // namespace

Result<PciMemory> place_memory_bar(PciAddress function, unsigned bar, const Platform& platform) {
  const std::uint32_t offset = pci::kFirstBar + 4 * bar;
  const PciConfiguration bytes = read_pci_configuration(function);
  if ((pci::load32(bytes, offset) & kTypeMask) != kMemory64) return Errno::kENXIO;
  // Firmware may have switched it on: it must not answer at the addresses in between.
  const std::uint16_t command = pci_read16(function, pci::kCommand);
  pci_write16(function, pci::kCommand, command & ~kAnswersInMemory);
  const std::uint64_t size = size_of(function, offset);
  if (!std::has_single_bit(size) || size < kPageSize) return Errno::kENXIO;
  PhysAddr place;
  if (const auto placed = pci::memory_bar(bytes, bar)) {
    place = *placed;
    if (size > kDirectMapSize || place.value() > kDirectMapSize - size) return Errno::kENOSPC;
  } else {
    if (firmware_places()) return Errno::kENOSPC;
    place = TRY(take_place(size, platform));
    pci_write32(function, offset, static_cast<std::uint32_t>(place.value()));
    pci_write32(function, offset + 4, static_cast<std::uint32_t>(place.value() >> 32));
  }
  pci_write16(function, pci::kCommand, command | kAnswersInMemory);
  return PciMemory{place, size};
}

}  // namespace mokapot
