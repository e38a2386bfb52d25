// SPDX-License-Identifier: Apache-2.0
//
// `moka check APP.jar`: what will not work in a VM, known beforehand (docs/concepts/check.md).
#pragma once

#include <string>
#include <vector>

#include "check/findings.h"
#include "cli/run_options.h"
#include "support/result.h"

namespace moka {

// `words`: what follows `moka check`. Returns the exit status: 0, 1 where something will break, 2
// for bad input.
int check_command_line(const std::vector<std::string>& words);

// What `moka run` with these options would start. Fails on bad input. Blocks; reads every class.
Result<Checked> check_program(const RunOptions& options);

// A sentence for those who asked for something else: what breaks, or "" where nothing does. What
// cannot be checked is nothing to warn of.
std::string check_warning(const RunOptions& options);

extern const char* const kCheckUsage;

}  // namespace moka
