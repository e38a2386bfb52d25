// SPDX-License-Identifier: Apache-2.0
//
// The two halves of an xAPIC's interrupt command register. After Intel's manual, volume 3, "Issuing Interprocessor
// Interrupts".
//
// The upper half, the destination, keeps its value, and each access to a register leaves the guest (under QEMU's TCG it
// passes through a lock that all devices share). So a CPU writes it only for another destination than before.
//
// Locks: none; one for each CPU, used by that CPU alone with interrupts off. Invariant: destination_ is what the upper
// half holds, for nobody else writes it.
#pragma once

#include <cstdint>

#include "drivers/mmio.h"

namespace mokapot {

class XapicCommand {
 public:
  static constexpr std::uint32_t kLow = 0x300, kHigh = 0x310;  // in the APIC's registers
  // Shorthands name their destinations by themselves.
  static constexpr std::uint32_t kShorthand = 3u << 18;

  void send(const Mmio& registers, std::uint32_t apic_id, std::uint32_t command) {
    if ((command & kShorthand) == 0 && apic_id != destination_) {
      registers.write32(kHigh, apic_id << 24);
      destination_ = apic_id;
    }
    registers.write32(kLow, command);
  }

 private:
  static constexpr std::uint32_t kUnknown = ~0u;
  std::uint32_t destination_ = kUnknown;
};

}  // namespace mokapot
