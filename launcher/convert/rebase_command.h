// SPDX-License-Identifier: Apache-2.0
//
// `moka image rebase IMAGE`: this moka's kernel, and another JDK, under an application that stays
// as it is to the byte. The image of before is kept as IMAGE.previous, and --revert exchanges the
// two.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows `moka image rebase`. Returns the exit status.
int rebase_command_line(const std::vector<std::string>& words);

}  // namespace moka
