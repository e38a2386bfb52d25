// SPDX-License-Identifier: Apache-2.0
//
// `moka build`: an application as a bootable disk image (docs/concepts/images.md).
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows `moka build`. Returns the exit status: 0, or 2 with one line on standard
// error.
int build_command_line(const std::vector<std::string>& words);

}  // namespace moka
