// SPDX-License-Identifier: Apache-2.0
//
// The processor's own source of random numbers, where it has one. Any context.
#pragma once

#include "arch_impl/hardware_random.h"  // IWYU pragma: export

namespace mokapot::arch {

// False if there is no source, or it has nothing to give just now.
bool hardware_random(std::uint64_t& value);

}  // namespace mokapot::arch
