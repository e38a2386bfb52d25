// SPDX-License-Identifier: Apache-2.0
//
// `moka run`: from its words to its exit status.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows "run". Returns the exit status of the process.
int run_command_line(const std::vector<std::string>& words);

}  // namespace moka
