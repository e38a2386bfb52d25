// SPDX-License-Identifier: Apache-2.0
//
// `moka bench`: benchmark kits that users bring, run in a VM under the flags that suit them. Their
// reports are collected; no figure is made here.
#pragma once

#include <string>
#include <vector>

namespace moka {

extern const char* const kBenchUsage;

// `words`: what follows "bench". Returns the exit status.
int bench_command_line(const std::vector<std::string>& words);

}  // namespace moka
