// SPDX-License-Identifier: Apache-2.0
//
// Brings up the interrupt controllers in order. The two 8259s are programmed only so far that
// nothing of theirs can come in.

#include "arch/port_io.h"
#include "drivers/drivers.h"
#include "drivers/io_apic.h"
#include "drivers/local_apic.h"

namespace mokapot {
namespace {

void mask_8259s() {
  constexpr std::uint16_t kCommand[2] = {0x20, 0xa0};
  constexpr std::uint16_t kData[2] = {0x21, 0xa1};
  // Initialised with vectors of their own before they are masked: a spurious interrupt cannot be
  // masked, and must not look like an exception of the CPU.
  constexpr std::uint8_t kVectors[2] = {0x20, 0x28};
  constexpr std::uint8_t kCascade[2] = {0x04, 0x02};
  for (int chip = 0; chip < 2; ++chip) {
    arch::write_port8(kCommand[chip], 0x11);  // initialise: edge triggered, cascaded, four words
    arch::write_port8(kData[chip], kVectors[chip]);
    arch::write_port8(kData[chip], kCascade[chip]);
    arch::write_port8(kData[chip], 0x01);  // 8086 mode
    arch::write_port8(kData[chip], 0xff);  // all masked
  }
}

}  // namespace

void initialise_interrupt_controllers(const Platform& platform) {
  mask_8259s();
  initialise_local_apic(platform);
  initialise_io_apics(platform);
}

}  // namespace mokapot
