// SPDX-License-Identifier: Apache-2.0
//
// Makes heap_allocate fail.
#pragma once

#include <cstddef>

namespace mokapot::fake {

// The next `allocations` calls succeed and all later ones fail; -1: none fails.
void fail_heap_after(long allocations);

// Of what lwIP asks for, larger blocks are not to be had; SIZE_MAX: all are.
void limit_lwip_blocks(std::size_t largest);

}  // namespace mokapot::fake
