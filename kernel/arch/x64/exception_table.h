// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/types.h"

namespace mokapot::arch {

// Where to go on after a fault at instruction that could not be resolved; null if none was foreseen.
VirtAddr exception_continuation(VirtAddr instruction);

}  // namespace mokapot::arch
