// SPDX-License-Identifier: Apache-2.0
//
// What the fake TLB was told since the test began.
#pragma once

#include <cstdint>

namespace mokapot::fake {

struct TlbCounts {
  std::uint64_t pages = 0;
  std::uint64_t flushes = 0;
};
TlbCounts& tlb_counts();

}  // namespace mokapot::fake
