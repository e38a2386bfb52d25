// SPDX-License-Identifier: Apache-2.0

#include "drivers/xapic_command.h"

#include <gtest/gtest.h>

namespace mokapot {
namespace {

constexpr std::uint32_t kUntouched = 0xdead'beef;

struct Apic {
  alignas(8) std::uint8_t memory[0x400] = {};
  Mmio registers{memory, sizeof(memory)};
  XapicCommand command;

  std::uint32_t low() const { return registers.read32(XapicCommand::kLow); }
  std::uint32_t high() const { return registers.read32(XapicCommand::kHigh); }
  void forget() const { registers.write32(XapicCommand::kHigh, kUntouched); }
};

TEST(XapicCommand, TheFirstCommandNamesItsDestination) {
  Apic apic;
  apic.forget();
  apic.command.send(apic.registers, 0, 0x40f1);
  EXPECT_EQ(apic.high(), 0u);
  EXPECT_EQ(apic.low(), 0x40f1u);
}

TEST(XapicCommand, TheDestinationIsWrittenOnlyWhenItChanges) {
  Apic apic;
  apic.command.send(apic.registers, 3, 0x40f1);
  EXPECT_EQ(apic.high(), 3u << 24);
  apic.forget();
  apic.command.send(apic.registers, 3, 0x40f2);
  EXPECT_EQ(apic.high(), kUntouched);
  EXPECT_EQ(apic.low(), 0x40f2u);
  apic.command.send(apic.registers, 1, 0x40f1);
  EXPECT_EQ(apic.high(), 1u << 24);
}

TEST(XapicCommand, AShorthandLeavesTheDestinationAlone) {
  Apic apic;
  apic.command.send(apic.registers, 3, 0x40f1);
  apic.forget();
  apic.command.send(apic.registers, 0, XapicCommand::kShorthand | 0x40f1);
  EXPECT_EQ(apic.high(), kUntouched);
  apic.command.send(apic.registers, 3, 0x40f1);
  EXPECT_EQ(apic.high(), kUntouched);
}

}  // namespace
}  // namespace mokapot
