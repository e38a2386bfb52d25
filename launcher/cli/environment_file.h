// SPDX-License-Identifier: Apache-2.0
//
// --env-file: environment variables from a file, which is where secrets belong: a command line can
// be read by every user of the host.
//
// One NAME=VALUE a line; "export " in front is passed over. Empty lines and lines that begin with #
// mean nothing. A value stands as it is, to the end of the line, without the blanks around it. In
// single quotes it is taken literally; in double quotes \n, \r, \t, \", \\ and \$ are escapes. A
// quoted value may hold line breaks, and behind it only a comment may follow. Nothing is ever
// expanded. A line with a NAME alone passes on the host's variable, as -e NAME does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace moka {

// NAME=VALUE words, in the file's order. `source` begins messages, which name the line.
Result<std::vector<std::string>> parse_environment_file(std::string_view text,
                                                        const std::string& source);

// Fails where the file cannot be read, too.
Result<std::vector<std::string>> read_environment_file(const std::string& path);

}  // namespace moka
