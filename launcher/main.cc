// SPDX-License-Identifier: Apache-2.0
//
// The host command.
#include <cstdio>
#include <string>
#include <vector>

#include "cli/run_options.h"
#include "run/run_command.h"
#include "session/exit_report.h"

int main(int count, char** words) {
  const std::vector<std::string> all(words, words + count);
  if (count >= 2 && all[1] == "run") return moka::run_command_line({all.begin() + 2, all.end()});
  if (count >= 2 && (all[1] == "--help" || all[1] == "-h" || all[1] == "help")) {
    std::fputs(moka::kRunUsage, stdout);
    return 0;
  }
  std::fprintf(
      stderr, "moka: %s (moka --help)\n",
      count < 2 ? "say what to do: moka run APP.jar" : ("no such command: " + all[1]).c_str());
  return moka::kStatusBadInput;
}
