// SPDX-License-Identifier: Apache-2.0

#include "drivers/mmio.h"

#include "memory/page_table.h"

namespace mokapot {

Result<Mmio> Mmio::map(PhysAddr address, std::uint64_t size) {
  const PhysAddr first = address.page_down();
  const PhysAddr end = (address + size).page_up();
  void* window = TRY(map_device(first, end - first));
  // SAFETY: inside the window just mapped.
  return Mmio(static_cast<std::uint8_t*>(window) + address.page_offset(), size);
}

}  // namespace mokapot
