// SPDX-License-Identifier: Apache-2.0
//
// What the firmware and the command line say about this machine: plain data, filled in once by
// discover_platform and constant from then on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/types.h"
#include "irq/irq.h"

namespace mokapot {

// A table of bounded length inside Platform; what does not fit is dropped and counted.
template <typename T, std::size_t kCapacity>
class BoundedList {
 public:
  static constexpr std::size_t kMost = kCapacity;
  void add(const T& item) {
    if (size_ < kCapacity)
      items_[size_++] = item;
    else
      ++dropped_;
  }
  std::size_t size() const { return size_; }
  std::size_t dropped() const { return dropped_; }
  T& operator[](std::size_t i) { return items_[i]; }
  const T& operator[](std::size_t i) const { return items_[i]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

 private:
  T items_[kCapacity] = {};
  std::size_t size_ = 0;
  std::size_t dropped_ = 0;
};

// A register that may lie in memory or in I/O space (ACPI's generic address structure).
struct RegisterAddress {
  enum class Space : std::uint8_t { kNone, kMemory, kPort };
  Space space = Space::kNone;
  std::uint64_t address = 0;
};

struct CpuDescription {
  std::uint32_t apic_id;
};
struct IoApicDescription {
  PhysAddr address;
  std::uint32_t first_line;  // global system interrupt of its pin 0
};
// An ISA interrupt that is not wired to the line of the same number, or not edge and active high.
struct LineOverride {
  std::uint8_t isa_interrupt;
  std::uint32_t line;
  Trigger trigger;
  Polarity polarity;
};
struct EcamRange {
  PhysAddr address;  // of bus 0, whatever the first bus is
  std::uint8_t first_bus;
  std::uint8_t last_bus;
};
// Addresses at which PCI functions may be placed in memory.
struct PciWindow {
  PhysAddr begin;
  std::uint64_t size;
};
// A disk that the hypervisor shows as memory, by the PCI function (bus 0) whose memory that is.
struct MappedDiskDescription {
  static constexpr std::size_t kSerialSize = 21;  // as virtio-blk's, with a NUL
  std::uint8_t device;
  char serial[kSerialSize];
};
struct VirtioMmioDescription {
  PhysAddr address;
  std::uint32_t size;
  std::uint32_t line;
  Trigger trigger;
  Polarity polarity;
};

struct Platform {
  // Index 0 is the CPU that boots; the others are those that firmware calls enabled.
  BoundedList<CpuDescription, kMaxCpus> cpus;
  PhysAddr local_apic{0xfee0'0000};
  BoundedList<IoApicDescription, 8> io_apics;
  BoundedList<LineOverride, 16> overrides;
  bool has_acpi = false;

  PhysAddr hpet;             // null: none
  RegisterAddress pm_timer;  // 3.579545 MHz
  bool pm_timer_is_32_bit = false;
  bool has_cmos_clock = true;
  std::uint8_t century_register = 0;  // in CMOS; 0: none

  // Power. hardware_reduced machines have the sleep register, others the PM1 control blocks.
  bool hardware_reduced = false;
  RegisterAddress sleep_control;
  std::uint16_t pm1a_control = 0;
  std::uint16_t pm1b_control = 0;
  bool has_s5 = false;
  std::uint8_t s5_type_a = 0;
  std::uint8_t s5_type_b = 0;
  RegisterAddress reset;
  std::uint8_t reset_value = 0;

  BoundedList<EcamRange, 8> ecam;
  BoundedList<PciWindow, 8> pci_windows;
  BoundedList<MappedDiskDescription, 8> mapped_disks;
  BoundedList<VirtioMmioDescription, 40> virtio_mmio;
};

// Adds the devices that the kernel's command line names. Pure.
void parse_device_words(std::string_view command_line, Platform& platform);
// Unless one at that address is known.
void add_virtio_mmio(Platform& platform, const VirtioMmioDescription& device);

}  // namespace mokapot
