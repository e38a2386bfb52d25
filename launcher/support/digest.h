// SPDX-License-Identifier: Apache-2.0
//
// SHA-256, by coreutils' sha256sum.
#pragma once

#include <string>

#include "support/result.h"

namespace moka {

// 64 hexadecimal digits. Blocks.
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace moka
