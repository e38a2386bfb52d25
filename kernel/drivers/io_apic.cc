// SPDX-License-Identifier: Apache-2.0
//
// After Intel's 82093AA data sheet. Registers are reached through an index and a window, hence the
// lock.
//
// Lock: one spinlock for all IOAPICs (rank kIrq), interrupts off. Contexts: any but NMI.

#include "drivers/io_apic.h"

#include "drivers/mmio.h"
#include "irq/irq.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kIndexOffset = 0x00;
constexpr std::uint32_t kWindowOffset = 0x10;
constexpr std::uint32_t kVersionRegister = 1;
constexpr std::uint32_t kFirstEntryRegister = 0x10;

constexpr std::uint32_t kEntryActiveLow = 1u << 13;
constexpr std::uint32_t kEntryLevel = 1u << 15;
constexpr std::uint32_t kEntryMasked = 1u << 16;

class IoApics final : public LineController {
 public:
  void add(Mmio registers, std::uint32_t first_line) {
    IrqSpinGuard guard(lock_);
    if (count_ == kMaxChips) return;
    Chip& chip = chips_[count_++];
    chip.registers = registers;
    chip.first_line = first_line;
    chip.line_count = ((read(chip, kVersionRegister) >> 16) & 0xff) + 1;
    for (std::uint32_t pin = 0; pin < chip.line_count; ++pin) {
      write(chip, kFirstEntryRegister + 2 * pin, kEntryMasked);
    }
  }

  Result<void> route(std::uint32_t line, InterruptVector vector, CpuId cpu, Trigger trigger,
                     Polarity polarity) override {
    // The message that reaches the CPU carries the same destination as an MSI's would.
    const auto message = cpu_interrupt_controller().message_for(cpu, vector);
    const auto destination = static_cast<std::uint32_t>((message.address >> 12) & 0xff) << 24;
    std::uint32_t low = vector | kEntryMasked;
    if (trigger == Trigger::kLevel) low |= kEntryLevel;
    if (polarity == Polarity::kActiveLow) low |= kEntryActiveLow;
    IrqSpinGuard guard(lock_);
    Chip* chip = find(line);
    if (chip == nullptr) return Errno::kEINVAL;
    const std::uint32_t entry = kFirstEntryRegister + 2 * (line - chip->first_line);
    write(*chip, entry, kEntryMasked);
    write(*chip, entry + 1, destination);
    write(*chip, entry, low);
    return {};
  }
  void mask(std::uint32_t line) override { change(line, 0, kEntryMasked); }
  void unmask(std::uint32_t line) override { change(line, kEntryMasked, 0); }

 private:
  static constexpr std::size_t kMaxChips = 8;
  struct Chip {
    Mmio registers;
    std::uint32_t first_line = 0;
    std::uint32_t line_count = 0;
  };

  static std::uint32_t read(const Chip& chip, std::uint32_t index) {
    chip.registers.write32(kIndexOffset, index);
    return chip.registers.read32(kWindowOffset);
  }
  static void write(const Chip& chip, std::uint32_t index, std::uint32_t value) {
    chip.registers.write32(kIndexOffset, index);
    chip.registers.write32(kWindowOffset, value);
  }
  Chip* find(std::uint32_t line) REQUIRES(lock_) {
    for (std::size_t i = 0; i < count_; ++i) {
      Chip& chip = chips_[i];
      if (line >= chip.first_line && line - chip.first_line < chip.line_count) return &chip;
    }
    return nullptr;
  }
  void change(std::uint32_t line, std::uint32_t clear, std::uint32_t set) {
    IrqSpinGuard guard(lock_);
    Chip* chip = find(line);
    if (chip == nullptr) return;
    const std::uint32_t entry = kFirstEntryRegister + 2 * (line - chip->first_line);
    write(*chip, entry, (read(*chip, entry) & ~clear) | set);
  }

  SpinLock lock_{LockRank::kIrq};
  Chip chips_[kMaxChips] GUARDED_BY(lock_);
  std::size_t count_ GUARDED_BY(lock_) = 0;
};
constinit IoApics io_apics;

}  // namespace

void initialise_io_apics(const Platform& platform) {
  for (const IoApicDescription& description : platform.io_apics) {
    auto registers = Mmio::map(description.address, kPageSize);
    if (!registers.ok()) {
      LOG_ERROR("ioapic: cannot map the one at %#llx",
                static_cast<unsigned long long>(description.address.value()));
      continue;
    }
    io_apics.add(registers.take(), description.first_line);
  }
  set_line_controller(&io_apics);
}

}  // namespace mokapot
