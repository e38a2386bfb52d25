// SPDX-License-Identifier: Apache-2.0
//
// Physical memory on the host: one arena, physical address 0x10_0000 at its start. Tests of the frame
// allocator itself give it ranges inside the arena (fakes/physical_memory.h).

#include <sys/mman.h>

#include "fakes/physical_memory.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kArenaSize = fake::kPhysicalSize + fake::kDeviceSize;

// SAFETY: reserved once, never moved or freed; lazily backed, so its size costs nothing.
char* arena() {
  static char* const base = static_cast<char*>(
      mmap(nullptr, kArenaSize, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  return base;
}

}  // namespace

void* direct_map(PhysAddr address) {
  ASSERT(address >= PhysAddr(fake::kPhysicalBase) &&
         address <= PhysAddr(fake::kPhysicalBase + kArenaSize));
  return arena() + (address.value() - fake::kPhysicalBase);
}

PhysAddr from_direct_map(const void* pointer) {
  const auto offset = static_cast<std::uint64_t>(static_cast<const char*>(pointer) - arena());
  ASSERT(offset <= kArenaSize);
  return PhysAddr(fake::kPhysicalBase + offset);
}

}  // namespace mokapot
