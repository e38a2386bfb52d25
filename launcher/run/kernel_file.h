// SPDX-License-Identifier: Apache-2.0
//
// Where the kernel is.
#pragma once

#include <string>

#include "support/result.h"

namespace moka {

// `option`: --kernel, or "" for the one that lies beside this program, or in ../lib/mokapot seen
// from its folder. Fails where it cannot be read.
Result<std::string> find_kernel(const std::string& option);

}  // namespace moka
