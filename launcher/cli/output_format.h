// SPDX-License-Identifier: Apache-2.0
//
// The option --output of commands that say something: text or json.
#pragma once

#include <string>
#include <vector>

#include "support/result.h"

namespace moka {

// Takes --output FORMAT and --output=FORMAT out of `words`; "text" where there is none. Fails on
// any other format.
Result<std::string> take_output_format(std::vector<std::string>& words);

}  // namespace moka
