// SPDX-License-Identifier: Apache-2.0
//
// `moka inspect IMAGE`: what is in a bootable image.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows `moka inspect`. Returns the exit status.
int inspect_command_line(const std::vector<std::string>& words);

extern const char* const kInspectUsage;

}  // namespace moka
