// SPDX-License-Identifier: Apache-2.0
//
// `moka completion SHELL`: a script that completes commands and options. Options are those that a
// command's usage text names, so that there is no second list to keep.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moka {

struct CommandWords {
  std::string name;
  std::vector<std::string> options;      // sorted
  std::vector<std::string> subcommands;  // sorted
};

// The options that stand at the beginnings of a usage text's lines, or behind a comma there.
std::vector<std::string> options_in(std::string_view usage);

// The words that a usage text's first lines have behind the command: "moka image ls" and so on.
std::vector<std::string> subcommands_in(std::string_view usage);

// `words`: what follows `moka completion`. Returns the exit status.
int completion_command_line(const std::vector<std::string>& words,
                            const std::vector<CommandWords>& commands);

extern const char* const kCompletionUsage;

}  // namespace moka
