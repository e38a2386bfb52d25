// SPDX-License-Identifier: Apache-2.0
//
// `moka image ls|rm|prune`: the cache of file systems that VMs and images are made of.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows `moka image`. Returns the exit status.
int image_command_line(const std::vector<std::string>& words);

extern const char* const kImageUsage;

}  // namespace moka
