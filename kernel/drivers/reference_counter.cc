// SPDX-License-Identifier: Apache-2.0
//
// State is set once, when a counter is chosen, and constant from then on; the PIT's two halves are
// read under a spinlock (rank kIrq), interrupts off.

#include "drivers/reference_counter.h"

#include "arch/cpu.h"
#include "arch/port_io.h"
#include "drivers/mmio.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

// A counter that is there moves within this many reads, each of which takes a good part of a
// microsecond.
constexpr int kMovesWithinReads = 1000;
bool moves(std::uint64_t (*read)()) {
  const std::uint64_t first = read();
  for (int i = 0; i < kMovesWithinReads; ++i) {
    if (read() != first) return true;
  }
  return false;
}

// --- HPET (IA-PC HPET 1.0a) ---
constinit Mmio hpet;
constexpr std::uint64_t kHpetCapabilities = 0x00, kHpetPeriod = 0x04, kHpetConfiguration = 0x10,
                        kHpetCounter = 0xf0;

// The low half only: not every implementation offers 8-byte reads, and two halves cost twice.
std::uint64_t read_hpet() { return hpet.read32(kHpetCounter); }

ReferenceCounter try_hpet(const Platform& platform) {
  constexpr std::uint64_t kFemtosecondsPerSecond = 1'000'000'000'000'000;
  constexpr std::uint32_t kMaxPeriod = 100'000'000;  // fs, by the specification
  if (platform.hpet.is_null()) return {};
  auto window = Mmio::map(platform.hpet, kPageSize);
  if (!window.ok()) return {};
  hpet = window.take();
  const std::uint32_t period = hpet.read32(kHpetPeriod);
  if (hpet.read32(kHpetCapabilities) == 0 || period == 0 || period > kMaxPeriod) return {};
  hpet.write32(kHpetConfiguration, hpet.read32(kHpetConfiguration) | 1);  // let it count
  if (!moves(&read_hpet)) return {};
  return {"hpet", kFemtosecondsPerSecond / period, 0xffff'ffff, &read_hpet};
}

// --- ACPI PM timer (ACPI 4.8.2.1) ---
constinit RegisterAddress pm_timer;
constinit Mmio pm_timer_memory;

std::uint64_t read_pm_timer() {
  if (pm_timer_memory.valid()) return pm_timer_memory.read32(0);
  return arch::read_port32(static_cast<std::uint16_t>(pm_timer.address));
}

ReferenceCounter try_pm_timer(const Platform& platform) {
  constexpr std::uint64_t kFrequency = 3'579'545;
  pm_timer = platform.pm_timer;
  if (pm_timer.space == RegisterAddress::Space::kNone) return {};
  if (pm_timer.space == RegisterAddress::Space::kMemory) {
    auto window = Mmio::map(PhysAddr(pm_timer.address), sizeof(std::uint32_t));
    if (!window.ok()) return {};
    pm_timer_memory = window.take();
  }
  if (!moves(&read_pm_timer)) return {};
  return {"acpi-pm", kFrequency, platform.pm_timer_is_32_bit ? 0xffff'ffffu : 0xff'ffffu,
          &read_pm_timer};
}

// --- PIT (8254), channel 0 ---
constexpr std::uint16_t kPitChannel0 = 0x40, kPitCommand = 0x43;
constinit SpinLock pit_lock{LockRank::kIrq};

std::uint64_t read_pit() {
  IrqSpinGuard guard(pit_lock);
  arch::write_port8(kPitCommand, 0x00);  // latch channel 0
  const std::uint16_t low = arch::read_port8(kPitChannel0);
  const std::uint16_t high = arch::read_port8(kPitChannel0);
  // It counts down from 65536.
  return static_cast<std::uint16_t>(-static_cast<std::uint16_t>(high << 8 | low));
}

ReferenceCounter try_pit() {
  constexpr std::uint64_t kFrequency = 1'193'182;
  arch::write_port8(kPitCommand, 0x34);  // channel 0, low then high byte, rate generator, binary
  arch::write_port8(kPitChannel0, 0);
  arch::write_port8(kPitChannel0, 0);
  if (!moves(&read_pit)) return {};
  return {"pit", kFrequency, 0xffff, &read_pit};
}

}  // namespace

ReferenceCounter find_reference_counter(const Platform& platform) {
  if (const ReferenceCounter counter = try_hpet(platform); counter.valid()) return counter;
  if (const ReferenceCounter counter = try_pm_timer(platform); counter.valid()) return counter;
  return try_pit();
}

}  // namespace mokapot
