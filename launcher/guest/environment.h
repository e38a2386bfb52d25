// SPDX-License-Identifier: Apache-2.0
//
// The environment of the program in the guest. The host's own is not passed on: it speaks of
// another machine, and may hold secrets. What decides how Java behaves is.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `host`: the host's NAME=VALUE words. `has_terminal`: whether TERM means anything. `extra`: the
// user's -e words, which win over all else; of two with one name the later wins.
std::vector<std::string> guest_environment(const std::vector<std::string>& host, bool has_terminal,
                                           const std::string& working_directory,
                                           const std::vector<std::string>& extra);

// This process's environment as words.
std::vector<std::string> host_environment();

// The value of NAME in a list of NAME=VALUE words, or "".
std::string value_in(const std::vector<std::string>& environment, const std::string& name);

}  // namespace moka
