// SPDX-License-Identifier: Apache-2.0
//
// Makes heap_allocate fail.
#pragma once

namespace mokapot::fake {

// The next `allocations` calls succeed and all later ones fail; -1: none fails.
void fail_heap_after(long allocations);

}  // namespace mokapot::fake
