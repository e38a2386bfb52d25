// SPDX-License-Identifier: Apache-2.0
//
// See arch/direct_call.h and direct_entry in entry.S.
#include "arch/direct_call.h"

#include <cstring>

namespace mokapot::arch {

bool write_direct_call_end(std::uint8_t* at, VirtAddr runs_at, VirtAddr return_address, StatusFlags flags) {
  // leaq return_address(%rip), %rcx; jmpq *%gs:80 (CpuLocal::direct_entry, the same on every CPU) or 88 (plain_entry)
  static constexpr std::uint8_t kCode[kDirectCallEndSize] = {0x48, 0x8d, 0x0d, 0, 0, 0, 0,
                                                            0x65, 0xff, 0x24, 0x25, 80, 0, 0, 0};
  std::int32_t distance = 0;
  if (!relative_distance(runs_at + 7, return_address, distance)) return false;
  std::memcpy(at, kCode, sizeof(kCode));
  std::memcpy(at + 3, &distance, sizeof(distance));
  if (flags == StatusFlags::kUnused) at[11] = 88;
  return true;
}

bool write_jump(std::uint8_t* at, VirtAddr runs_at, VirtAddr target) {
  std::int32_t distance = 0;
  if (!relative_distance(runs_at + kJumpSize, target, distance)) return false;
  at[0] = 0xe9;
  std::memcpy(at + 1, &distance, sizeof(distance));
  return true;
}

}  // namespace mokapot::arch
