// SPDX-License-Identifier: Apache-2.0
//
// Says which memory faults when kernel code copies from or to it.
#pragma once

#include <cstddef>

namespace mokapot::fake {

void make_range_fault(const void* begin, std::size_t size);
void clear_faulting_ranges();

}  // namespace mokapot::fake
