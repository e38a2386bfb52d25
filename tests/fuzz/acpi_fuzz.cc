// SPDX-License-Identifier: Apache-2.0
//
// ACPI tables: the first byte chooses the parser, the rest is the table. Each parser also gets the table
// with its checksum set right, since that is the first thing looked at.
// sources: kernel/drivers/acpi_tables.cc kernel/drivers/acpi_dsdt.cc kernel/drivers/device_words.cc

#include <vector>

#include "drivers/acpi_tables.h"

namespace {

using namespace mokapot;

void parse(unsigned which, acpi::Bytes table) {
  Platform platform{};
  PhysAddr dsdt;
  switch (which % 8) {
    case 0: (void)acpi::parse_root_pointer(table); break;
    case 1: (void)acpi::find_root_pointer(table); break;
    case 2: acpi::parse_madt(table, platform); break;
    case 3: acpi::parse_fadt(table, platform, dsdt); break;
    case 4: acpi::parse_hpet(table, platform); break;
    case 5: acpi::parse_mcfg(table, platform); break;
    case 6: acpi::scan_dsdt(table, platform); break;
    default:
      for (std::size_t i = 0; i < 40; ++i) {
        (void)acpi::root_table_entry(table, which & 8, i);
      }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<std::uint8_t> table(data + 1, data + size);
  parse(data[0], table);
  (void)acpi::parse_header(table);
  (void)acpi::checksum_is_good(table);
  if (table.size() >= acpi::kHeaderSize) {
    for (int i = 0; i < 4; ++i) table[4 + i] = static_cast<std::uint8_t>(table.size() >> (8 * i));
    table[9] = 0;
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : table) sum = static_cast<std::uint8_t>(sum + byte);
    table[9] = static_cast<std::uint8_t>(-sum);
    parse(data[0], table);
  }
  return 0;
}
