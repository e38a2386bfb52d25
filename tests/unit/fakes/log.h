// SPDX-License-Identifier: Apache-2.0
//
// What code under test has logged, oldest first. Not thread safe.
#pragma once

#include <string>
#include <vector>

namespace mokapot::fake {

std::vector<std::string>& log_lines();

}  // namespace mokapot::fake
