// SPDX-License-Identifier: Apache-2.0

#include "drivers/physical_window.h"

#include "arch/paging.h"
#include "memory/frames.h"
#include "memory/page_table.h"

namespace mokapot {
namespace {

bool direct_map_covers(PhysAddr begin, PhysAddr end) {
  for (PhysAddr page = begin.page_down(); page < end; page += kPageSize) {
    const FoundSlot found = find_page_table_slot(VirtAddr(direct_map(page)));
    if (found.slot == nullptr) return false;
    if (!arch::PageTableEntry(found.slot->load(std::memory_order_relaxed)).present()) return false;
  }
  return true;
}

}  // namespace

Result<std::span<const std::uint8_t>> physical_window(PhysAddr address, std::uint64_t size) {
  if (address.value() >= kDirectMapSize || size >= kDirectMapSize) return Errno::kEINVAL;
  const PhysAddr end = address + size;
  // SAFETY: covered by the direct map, or mapped just below; firmware's tables do not change.
  if (direct_map_covers(address, end)) {
    return std::span(static_cast<const std::uint8_t*>(direct_map(address)), size);
  }
  const PhysAddr first = address.page_down();
  void* window = TRY(map_device(first, end.page_up() - first));
  return std::span(static_cast<const std::uint8_t*>(window) + address.page_offset(), size);
}

}  // namespace mokapot
