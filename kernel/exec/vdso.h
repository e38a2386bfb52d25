// SPDX-License-Identifier: Apache-2.0
//
// The vDSO's place in the address space.
#pragma once

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

// Maps the data page and, above it, the image; returns the image's address (AT_SYSINFO_EHDR).
Result<VirtAddr> map_vdso();

}  // namespace mokapot
