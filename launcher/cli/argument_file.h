// SPDX-License-Identifier: Apache-2.0
//
// Java's @argfiles: words in a file, separated by white space; quotes of either kind keep white
// space, backslash escapes work inside quotes, # begins a comment. The java launcher's own rules,
// from the "java" manual page, "java Command-Line Argument Files".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace moka {

std::vector<std::string> parse_argument_file(std::string_view text);

// The words of the file at `path`.
Result<std::vector<std::string>> read_argument_file(const std::string& path);

}  // namespace moka
