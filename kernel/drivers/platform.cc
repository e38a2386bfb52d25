// SPDX-License-Identifier: Apache-2.0
//
// Discovery: walks ACPI's tables in memory and collects what the parsers make of them. Boot's one
// thread.

#include "arch/msr.h"
#include "base/assert.h"
#include "drivers/acpi_tables.h"
#include "drivers/drivers.h"
#include "drivers/physical_window.h"
#include "drivers/power.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constinit Platform the_platform;

// The whole table at address, or an empty span with a word in the log.
acpi::Bytes table_at(PhysAddr address) {
  const auto header_bytes = physical_window(address, acpi::kHeaderSize);
  if (!header_bytes.ok()) return {};
  const auto header = acpi::parse_header(header_bytes.value());
  if (!header) {
    LOG_WARNING("ACPI: no table at %#llx", static_cast<unsigned long long>(address.value()));
    return {};
  }
  const auto table = physical_window(address, header->length);
  if (!table.ok()) return {};
  if (!acpi::checksum_is_good(table.value())) {
    LOG_WARNING("ACPI: table %.4s has a wrong checksum and is not used", header->signature);
    return {};
  }
  return table.value();
}

std::optional<acpi::RootPointer> find_root(PhysAddr hint) {
  if (!hint.is_null()) {
    const auto bytes = physical_window(hint, acpi::kRootPointerSize);
    if (bytes.ok()) {
      if (const auto root = acpi::parse_root_pointer(bytes.value())) return root;
    }
    LOG_WARNING("ACPI: no root pointer where the boot protocol says; searching");
  }
  // Where a BIOS puts it. (The extended BIOS data area, the other place, is not used by VM
  // firmware.)
  constexpr PhysAddr kBiosArea(0xe'0000);
  constexpr std::uint64_t kBiosAreaSize = 0x2'0000;
  const auto area = physical_window(kBiosArea, kBiosAreaSize);
  if (!area.ok()) return std::nullopt;
  const auto offset = acpi::find_root_pointer(area.value());
  if (!offset) return std::nullopt;
  return acpi::parse_root_pointer(area.value().subspan(*offset));
}

void read_acpi(const acpi::RootPointer& root) {
  const acpi::Bytes tables = table_at(root.table);
  if (tables.empty()) return;
  the_platform.has_acpi = true;
  PhysAddr dsdt;
  for (std::size_t i = 0;; ++i) {
    const auto address = acpi::root_table_entry(tables, root.wide_entries, i);
    if (!address) break;
    const acpi::Bytes table = table_at(*address);
    const auto header = acpi::parse_header(table);
    if (!header) continue;
    if (header->is("APIC"))
      acpi::parse_madt(table, the_platform);
    else if (header->is("FACP"))
      acpi::parse_fadt(table, the_platform, dsdt);
    else if (header->is("HPET"))
      acpi::parse_hpet(table, the_platform);
    else if (header->is("MCFG"))
      acpi::parse_mcfg(table, the_platform);
  }
  if (!dsdt.is_null()) acpi::scan_dsdt(table_at(dsdt), the_platform);
}

// The local APIC id of this CPU, before its APIC is set up. Leaf 0xb has all 32 bits.
std::uint32_t own_apic_id() {
  if (arch::cpuid(0, 0).eax >= 0xb) {
    const arch::CpuidLeaf topology = arch::cpuid(0xb, 0);
    if (topology.ebx != 0) return topology.edx;
  }
  return arch::cpuid(1, 0).ebx >> 24;
}

// CPU 0 is by definition the one that boots, whatever firmware lists first.
void put_boot_cpu_first() {
  const std::uint32_t own = own_apic_id();
  auto& cpus = the_platform.cpus;
  for (CpuDescription& cpu : cpus) {
    if (cpu.apic_id != own) continue;
    cpu.apic_id = cpus[0].apic_id;
    cpus[0].apic_id = own;
    return;
  }
  if (cpus.size() > 0) LOG_WARNING("ACPI: does not list the CPU that boots; using that one alone");
  cpus = {};
  cpus.add({own});
}

}  // namespace

const Platform& discover_platform(PhysAddr rsdp_hint, std::string_view command_line) {
  if (const auto root = find_root(rsdp_hint)) {
    read_acpi(*root);
  } else {
    LOG_INFO("ACPI: none; assuming one CPU");
  }
  put_boot_cpu_first();
  if (the_platform.cpus.dropped() > 0) {
    LOG_WARNING("%zu CPUs are left idle: the kernel uses at most %zu", the_platform.cpus.dropped(),
                kMaxCpus);
  }
  if (the_platform.io_apics.size() == 0) {
    the_platform.io_apics.add({PhysAddr(0xfec0'0000), 0});
  }
  parse_device_words(command_line, the_platform);
  prepare_power(the_platform);
  LOG_INFO("platform: %zu CPUs, %zu IOAPICs, %zu virtio-mmio devices named",
           the_platform.cpus.size(), the_platform.io_apics.size(), the_platform.virtio_mmio.size());
  return the_platform;
}

}  // namespace mokapot
