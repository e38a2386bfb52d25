// SPDX-License-Identifier: Apache-2.0
//
// The devices that are no devices: null, zero, full, random, urandom.
#pragma once

#include "base/result.h"

namespace mokapot {

Result<void> register_memory_devices();  // boot

}  // namespace mokapot
