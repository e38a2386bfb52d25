// SPDX-License-Identifier: Apache-2.0
//
// Runs a program to its end and keeps what it says.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

inline constexpr int kCommandNotFound = 127;

struct CommandOutcome {
  int status = 0;  // exit status, or 128 + signal; kCommandNotFound where there is no such program
  std::string output;  // standard output and error together, the last 64 KiB
};

// Blocks. `command[0]` is looked up in PATH; `extra_environment` holds NAME=VALUE words that are
// added to our own environment. Standard input is empty; of other descriptors the program gets the
// `inherited` ones, under their numbers.
CommandOutcome run_command(const std::vector<std::string>& command,
                           const std::vector<std::string>& extra_environment = {},
                           const std::vector<int>& inherited = {});

// A program that is watched while it runs. Its standard output goes nowhere.
struct StartedProgram {
  pid_t process = -1;
  UniqueFd errors;  // its standard error, read without blocking
};
// In a session of its own: what is typed at our terminal does not reach it. Whoever starts it waits
// for it.
Result<StartedProgram> start_program(const std::vector<std::string>& command,
                                     const std::vector<std::string>& extra_environment);

// The full path of a program in PATH, or of a name with a slash in it if that can be executed; "".
std::string find_program(const std::string& name);

}  // namespace moka
