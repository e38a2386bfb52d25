// SPDX-License-Identifier: Apache-2.0
//
// Faults of the kernel's own, made on demand, so that tests see each of its checks at work. Checking builds
// (MOKAPOT_DEBUG) only; elsewhere the option is named in the log and does nothing.
#pragma once

#include <string_view>

namespace mokapot {

// The word behind kOptionFail; an empty one is none. Boot's thread, when threads and the heap work. Returns only
// where a check failed to see the fault, or there is no such fault.
void commit_fault(std::string_view name);

}  // namespace mokapot
