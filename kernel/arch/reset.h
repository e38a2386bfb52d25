// SPDX-License-Identifier: Apache-2.0
//
// The processor's own last resort.
#pragma once

#include "arch_impl/reset.h"  // IWYU pragma: export

namespace mokapot::arch {

// Makes the CPU shut down, which resets the machine (or ends a VM that is set not to reset). Any
// context.
[[noreturn]] void triple_fault();

}  // namespace mokapot::arch
