// SPDX-License-Identifier: Apache-2.0
//
// The ways out, from the orderly to the crude. Any context, panics included: no locks, no
// allocation; the registers were mapped when they were discovered.

#include "drivers/power.h"
#include "arch/cpu.h"
#include "arch/port_io.h"
#include "arch/reset.h"
#include "contract/vm_contract.h"
#include "drivers/drivers.h"
#include "drivers/mmio.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kSleepTypeShift = 2;  // sleep control register (ACPI 4.8.3.7)
constexpr std::uint8_t kSleepEnable = 1u << 5;
constexpr unsigned kPm1SleepTypeShift = 10;  // PM1 control block (ACPI 4.8.3.2)
constexpr std::uint16_t kPm1SleepEnable = 1u << 13;

// Constant after prepare_power.
constinit const Platform* machine = nullptr;
constinit Mmio sleep_window;
constinit Mmio reset_window;

Mmio map_if_in_memory(const RegisterAddress& reg) {
  if (reg.space != RegisterAddress::Space::kMemory) return {};
  auto window = Mmio::map(PhysAddr(reg.address), 1);
  return window.ok() ? window.take() : Mmio();
}

void write_register(const RegisterAddress& reg, const Mmio& window, std::uint8_t value) {
  if (window.valid())
    window.write8(0, value);
  else if (reg.space == RegisterAddress::Space::kPort)
    arch::write_port8(static_cast<std::uint16_t>(reg.address), value);
}

// The hypervisor may take a moment between the write and the end.
void wait_for_the_end() {
  constexpr int kPolls = 1'000'000;
  for (int i = 0; i < kPolls; ++i) arch::relax();
}

void try_acpi_power_off() {
  if (machine == nullptr || !machine->has_s5) return;
  if (machine->hardware_reduced) {
    const auto value =
        static_cast<std::uint8_t>((machine->s5_type_a << kSleepTypeShift) | kSleepEnable);
    write_register(machine->sleep_control, sleep_window, value);
    wait_for_the_end();
    return;
  }
  const auto put = [](std::uint16_t port, std::uint8_t type) {
    if (port == 0) return;
    const auto value = static_cast<std::uint16_t>((type << kPm1SleepTypeShift) | kPm1SleepEnable);
    arch::write_port16(port, value);
  };
  put(machine->pm1a_control, machine->s5_type_a);
  put(machine->pm1b_control, machine->s5_type_b);
  wait_for_the_end();
}

}  // namespace

void prepare_power(const Platform& platform) {
  sleep_window = map_if_in_memory(platform.sleep_control);
  reset_window = map_if_in_memory(platform.reset);
  machine = &platform;
}

void power_off() {
  arch::interrupts_disable();
  try_acpi_power_off();
  // No ACPI, or it did not help: monitors without it (Firecracker) take a reset for the end, and so
  // does QEMU with -no-reboot.
  reset_machine();
}

void reset_machine() {
  arch::interrupts_disable();
  if (machine != nullptr && machine->reset.space != RegisterAddress::Space::kNone) {
    write_register(machine->reset, reset_window, machine->reset_value);
    wait_for_the_end();
  }
  constexpr std::uint16_t kKeyboardCommand = 0x64;
  constexpr std::uint8_t kPulseReset = 0xfe;
  arch::write_port8(kKeyboardCommand, kPulseReset);
  wait_for_the_end();
  arch::triple_fault();
}

void debug_exit(unsigned code) {
  arch::interrupts_disable();
  arch::write_port8(contract::kDebugExitPort, static_cast<std::uint8_t>(code));
  power_off();  // no such port
}

}  // namespace mokapot
