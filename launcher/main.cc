// SPDX-License-Identifier: Apache-2.0
//
// The host command.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "build/build_command.h"
#include "build/build_options.h"
#include "cli/completion.h"
#include "cli/run_options.h"
#include "doctor/doctor_command.h"
#include "inspect/image_command.h"
#include "inspect/inspect_command.h"
#include "run/run_command.h"
#include "session/exit_report.h"

namespace {

struct Command {
  std::string_view name;
  // `words`: those behind the command's name. Returns the exit status.
  int (*run)(const std::vector<std::string>& words);
  const char* const* usage;
};

constexpr Command kCommands[] = {
    {"run", moka::run_command_line, &moka::kRunUsage},
    {"build", moka::build_command_line, &moka::kBuildUsage},
    {"inspect", moka::inspect_command_line, &moka::kInspectUsage},
    {"image", moka::image_command_line, &moka::kImageUsage},
    {"doctor", moka::doctor_command_line, &moka::kDoctorUsage},
};

int completion(const std::vector<std::string>& words) {
  std::vector<moka::CommandWords> commands;
  for (const Command& command : kCommands)
    commands.push_back({std::string(command.name), moka::options_in(*command.usage)});
  return moka::completion_command_line(words, commands);
}

int help() {
  for (const Command& command : kCommands) std::printf("%s\n", *command.usage);
  std::fputs(moka::kCompletionUsage, stdout);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> all(words, words + count);
  if (count >= 2) {
    for (const Command& command : kCommands)
      if (all[1] == command.name) return command.run({all.begin() + 2, all.end()});
    if (all[1] == "completion") return completion({all.begin() + 2, all.end()});
    if (all[1] == "--help" || all[1] == "-h" || all[1] == "help") return help();
  }
  std::fprintf(
      stderr, "moka: %s (moka --help)\n",
      count < 2 ? "say what to do: moka run APP.jar" : ("no such command: " + all[1]).c_str());
  return moka::kStatusBadInput;
}
