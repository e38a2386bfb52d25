// SPDX-License-Identifier: Apache-2.0
//
// The host command: a table of commands.
#include <cstdio>
#include <string>
#include <vector>

#include "build/build_command.h"
#include "cli/run_options.h"
#include "commands/commands.h"
#include "run/run_command.h"
#include "session/exit_report.h"

namespace {

struct Command {
  const char* name;
  int (*run)(const std::vector<std::string>& words);
  const char* summary;
};

constexpr Command kCommands[] = {
    {"run", moka::run_command_line, "run a jar, a main class or a Linux program in a VM"},
    {"build", moka::build_command_line, "a disk image that boots by itself"},
    {"ps", moka::ps_command, "which VMs run"},
    {"logs", moka::logs_command, "output of a VM that runs detached"},
    {"stop", moka::stop_command, "end a VM in good order"},
    {"kill", moka::kill_command, "end a VM at once"},
    {"jcmd", moka::jcmd_command, "diagnostic commands of a VM's JVM"},
    {"threads", moka::threads_command, "stacks of a VM's Java threads"},
    {"heapdump", moka::heapdump_command, "heap dump of a VM's JVM, to a file"},
    {"jfr", moka::jfr_command, "flight recordings of a VM's JVM"},
};

void print_help() {
  std::fputs("commands:\n\n", stdout);
  for (const Command& command : kCommands)
    std::printf("  moka %-9s %s\n", command.name, command.summary);
  std::fputs("\nmoka COMMAND --help says more of each.\n\n", stdout);
  std::fputs(moka::kRunUsage, stdout);
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> all(words, words + count);
  if (count >= 2)
    for (const Command& command : kCommands)
      if (all[1] == command.name) return command.run({all.begin() + 2, all.end()});
  if (count >= 2 && (all[1] == "--help" || all[1] == "-h" || all[1] == "help")) {
    print_help();
    return 0;
  }
  std::fprintf(
      stderr, "moka: %s (moka --help)\n",
      count < 2 ? "say what to do: moka run APP.jar" : ("no such command: " + all[1]).c_str());
  return moka::kStatusBadInput;
}
