// SPDX-License-Identifier: Apache-2.0

#include "drivers/acpi_tables.h"

#include <cstring>

namespace mokapot::acpi {
namespace {

// Little-endian number of type T at offset; the caller has checked that it lies inside.
template <typename T>
T load(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}
template <typename T>
bool try_load(Bytes bytes, std::size_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  value = load<T>(bytes, offset);
  return true;
}

std::uint8_t sum_of(Bytes bytes) {
  std::uint8_t sum = 0;
  for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
  return sum;
}

// Generic address structure, 12 bytes: space, width, offset, access size, address.
RegisterAddress load_register(Bytes table, std::size_t offset) {
  RegisterAddress result;
  std::uint8_t space = 0;
  std::uint64_t address = 0;
  if (!try_load(table, offset, space) || !try_load(table, offset + 4, address) || address == 0)
    return result;
  if (space == 0) result.space = RegisterAddress::Space::kMemory;
  if (space == 1 && address <= 0xffff) result.space = RegisterAddress::Space::kPort;
  if (result.space != RegisterAddress::Space::kNone) result.address = address;
  return result;
}

RegisterAddress port_register(std::uint32_t port) {
  if (port == 0 || port > 0xffff) return {};
  return {RegisterAddress::Space::kPort, port};
}

// MPS INTI flags of the MADT: two bits each of polarity and trigger; 0 is what the bus has, and
// that is edge and active high on ISA.
Polarity polarity_of(std::uint16_t flags) {
  return (flags & 3) == 3 ? Polarity::kActiveLow : Polarity::kActiveHigh;
}
Trigger trigger_of(std::uint16_t flags) {
  return ((flags >> 2) & 3) == 3 ? Trigger::kLevel : Trigger::kEdge;
}

enum MadtEntry : std::uint8_t {
  kLocalApic = 0,
  kIoApic = 1,
  kSourceOverride = 2,
  kLocalApicAddress = 5,
  kLocalX2Apic = 9,
};
constexpr std::uint32_t kCpuEnabled = 1;

void add_cpu(Platform& platform, std::uint32_t apic_id) {
  for (const CpuDescription& cpu : platform.cpus) {
    if (cpu.apic_id == apic_id) return;  // listed as both kinds
  }
  platform.cpus.add({apic_id});
}

// entry spans exactly one entry, of at least two bytes.
void parse_madt_entry(Bytes entry, Platform& platform) {
  switch (entry[0]) {
    case kLocalApic:
      if (entry.size() >= 8 && (load<std::uint32_t>(entry, 4) & kCpuEnabled) != 0) {
        add_cpu(platform, entry[3]);
      }
      break;
    case kLocalX2Apic:
      if (entry.size() >= 16 && (load<std::uint32_t>(entry, 8) & kCpuEnabled) != 0) {
        add_cpu(platform, load<std::uint32_t>(entry, 4));
      }
      break;
    case kIoApic:
      if (entry.size() >= 12) {
        platform.io_apics.add(
            {PhysAddr(load<std::uint32_t>(entry, 4)), load<std::uint32_t>(entry, 8)});
      }
      break;
    case kSourceOverride:
      if (entry.size() >= 10) {
        const auto flags = load<std::uint16_t>(entry, 8);
        platform.overrides.add(
            {entry[3], load<std::uint32_t>(entry, 4), trigger_of(flags), polarity_of(flags)});
      }
      break;
    case kLocalApicAddress:
      if (entry.size() >= 12) platform.local_apic = PhysAddr(load<std::uint64_t>(entry, 4));
      break;
    default:  // NMI wiring and what later versions add: nothing that we use
      break;
  }
}

}  // namespace

std::optional<RootPointer> parse_root_pointer(Bytes bytes) {
  constexpr std::size_t kVersion1Size = 20;
  if (bytes.size() < kVersion1Size || std::memcmp(bytes.data(), "RSD PTR ", 8) != 0)
    return std::nullopt;
  if (sum_of(bytes.first(kVersion1Size)) != 0) return std::nullopt;
  if (bytes[15] >= 2 && bytes.size() >= kRootPointerSize) {
    const auto wide = load<std::uint64_t>(bytes, 24);
    if (wide != 0 && sum_of(bytes.first(kRootPointerSize)) == 0)
      return RootPointer{PhysAddr(wide), true};
  }
  const auto narrow = load<std::uint32_t>(bytes, 16);
  if (narrow == 0) return std::nullopt;
  return RootPointer{PhysAddr(narrow), false};
}

std::optional<std::size_t> find_root_pointer(Bytes bytes) {
  for (std::size_t offset = 0; offset < bytes.size(); offset += 16) {
    if (parse_root_pointer(bytes.subspan(offset))) return offset;
  }
  return std::nullopt;
}

std::optional<TableHeader> parse_header(Bytes bytes) {
  if (bytes.size() < kHeaderSize) return std::nullopt;
  TableHeader header;
  std::memcpy(header.signature, bytes.data(), sizeof(header.signature));
  header.length = load<std::uint32_t>(bytes, 4);
  if (header.length < kHeaderSize || header.length > kMaxTableSize) return std::nullopt;
  return header;
}

bool checksum_is_good(Bytes table) { return sum_of(table) == 0; }

std::optional<PhysAddr> root_table_entry(Bytes table, bool wide_entries, std::size_t index) {
  const std::size_t size = wide_entries ? sizeof(std::uint64_t) : sizeof(std::uint32_t);
  if (table.size() < kHeaderSize || index >= (table.size() - kHeaderSize) / size)
    return std::nullopt;
  const std::size_t offset = kHeaderSize + index * size;
  return PhysAddr(wide_entries ? load<std::uint64_t>(table, offset)
                               : load<std::uint32_t>(table, offset));
}

void parse_madt(Bytes table, Platform& platform) {
  constexpr std::size_t kEntries = 44;
  if (table.size() < kEntries) return;
  platform.local_apic = PhysAddr(load<std::uint32_t>(table, kHeaderSize));
  std::size_t offset = kEntries;
  while (table.size() - offset >= 2) {
    const std::size_t length = table[offset + 1];
    if (length < 2 || length > table.size() - offset) return;
    parse_madt_entry(table.subspan(offset, length), platform);
    offset += length;
  }
}

void parse_fadt(Bytes table, Platform& platform, PhysAddr& dsdt) {
  constexpr std::uint32_t kTimerIs32Bit = 1u << 8;
  constexpr std::uint32_t kResetSupported = 1u << 10;
  constexpr std::uint32_t kHardwareReduced = 1u << 20;
  constexpr std::uint16_t kNoCmosClock = 1u << 5;  // of the boot architecture flags

  std::uint32_t narrow = 0;
  std::uint64_t wide = 0;
  if (try_load(table, 140, wide) && wide != 0) {
    dsdt = PhysAddr(wide);
  } else if (try_load(table, 40, narrow)) {
    dsdt = PhysAddr(narrow);
  }
  std::uint32_t flags = 0;
  if (!try_load(table, 112, flags)) return;
  platform.hardware_reduced = (flags & kHardwareReduced) != 0;
  platform.century_register = load<std::uint8_t>(table, 108);
  std::uint16_t boot_flags = 0;
  if (try_load(table, 109, boot_flags)) platform.has_cmos_clock = (boot_flags & kNoCmosClock) == 0;
  if ((flags & kResetSupported) != 0) {
    platform.reset = load_register(table, 116);
    (void)try_load(table, 128, platform.reset_value);
  }
  if (platform.hardware_reduced) {
    // The fixed hardware below is not there, whatever its fields hold.
    platform.sleep_control = load_register(table, 244);
    return;
  }
  const auto pm1a = load<std::uint32_t>(table, 64);
  const auto pm1b = load<std::uint32_t>(table, 68);
  if (pm1a <= 0xffff) platform.pm1a_control = static_cast<std::uint16_t>(pm1a);
  if (pm1b <= 0xffff) platform.pm1b_control = static_cast<std::uint16_t>(pm1b);
  platform.pm_timer = load_register(table, 208);
  if (platform.pm_timer.space == RegisterAddress::Space::kNone) {
    platform.pm_timer = port_register(load<std::uint32_t>(table, 76));
  }
  platform.pm_timer_is_32_bit = (flags & kTimerIs32Bit) != 0;
}

void parse_hpet(Bytes table, Platform& platform) {
  if (table.size() < 52) return;
  const RegisterAddress base = load_register(table, 40);
  if (base.space == RegisterAddress::Space::kMemory) platform.hpet = PhysAddr(base.address);
}

void parse_mcfg(Bytes table, Platform& platform) {
  constexpr std::size_t kEntries = 44;
  constexpr std::size_t kEntrySize = 16;
  for (std::size_t offset = kEntries; offset + kEntrySize <= table.size(); offset += kEntrySize) {
    const auto address = load<std::uint64_t>(table, offset);
    const auto segment = load<std::uint16_t>(table, offset + 8);
    const std::uint8_t first = table[offset + 10];
    const std::uint8_t last = table[offset + 11];
    // Only segment 0: the others have no devices that a port access or we could name.
    if (address != 0 && segment == 0 && first <= last)
      platform.ecam.add({PhysAddr(address), first, last});
  }
}

}  // namespace mokapot::acpi
