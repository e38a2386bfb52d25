// SPDX-License-Identifier: Apache-2.0
//
// The host command: a table of commands.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_command.h"
#include "build/build_command.h"
#include "build/build_options.h"
#include "check/check_command.h"
#include "cli/completion.h"
#include "cli/run_options.h"
#include "commands/commands.h"
#include "convert/convert_command.h"
#include "doctor/doctor_command.h"
#include "inspect/image_command.h"
#include "inspect/inspect_command.h"
#include "run/run_command.h"
#include "session/exit_report.h"
#include "support/version.h"

namespace {

struct Command {
  std::string_view name;
  // `words`: those behind the command's name. Returns the exit status.
  int (*run)(const std::vector<std::string>& words);
  const char* summary;
  const char* const* usage;
};

constexpr Command kCommands[] = {
    {"run", moka::run_command_line, "run a jar, a main class, a Linux program or an image in a VM",
     &moka::kRunUsage},
    {"build", moka::build_command_line, "make a disk image that boots by itself",
     &moka::kBuildUsage},
    {"check", moka::check_command_line, "what in a program will not work in a VM",
     &moka::kCheckUsage},
    {"ps", moka::ps_command, "which VMs run", &moka::kPsUsage},
    {"stats", moka::stats_command, "what a VM takes and does", &moka::kStatsUsage},
    {"logs", moka::logs_command, "output of a VM that runs detached", &moka::kLogsUsage},
    {"stop", moka::stop_command, "end a VM in good order", &moka::kStopUsage},
    {"kill", moka::kill_command, "end a VM at once", &moka::kKillUsage},
    {"jcmd", moka::jcmd_command, "diagnostic commands of a VM's JVM", &moka::kJcmdUsage},
    {"threads", moka::threads_command, "stacks of a VM's Java threads", &moka::kThreadsUsage},
    {"heapdump", moka::heapdump_command, "heap dump of a VM's JVM, to a file",
     &moka::kHeapdumpUsage},
    {"jfr", moka::jfr_command, "flight recordings of a VM's JVM", &moka::kJfrUsage},
    {"inspect", moka::inspect_command_line, "what is in an image", &moka::kInspectUsage},
    {"convert", moka::convert_command_line, "the same image in another format",
     &moka::kConvertUsage},
    {"image", moka::image_command_line, "the cache of file systems", &moka::kImageUsage},
    {"bench", moka::bench_command_line, "run a benchmark kit of your own", &moka::kBenchUsage},
    {"doctor", moka::doctor_command_line, "what this host can do", &moka::kDoctorUsage},
};

int completion(const std::vector<std::string>& words) {
  std::vector<moka::CommandWords> commands;
  for (const Command& command : kCommands)
    commands.push_back({std::string(command.name), moka::options_in(*command.usage),
                        moka::subcommands_in(*command.usage)});
  commands.push_back({"completion", {}, moka::subcommands_in(moka::kCompletionUsage)});
  return moka::completion_command_line(words, commands);
}

int help() {
  std::fputs("commands:\n\n", stdout);
  for (const Command& command : kCommands)
    std::printf("  moka %-10s %s\n", std::string(command.name).c_str(), command.summary);
  std::printf("  moka %-10s %s\n", "completion", "a script for bash, zsh or fish");
  std::fputs("\nmoka COMMAND --help says more of each.\n\n", stdout);
  std::fputs(moka::kRunUsage, stdout);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> all(words, words + count);
  if (count >= 2) {
    for (const Command& command : kCommands)
      if (all[1] == command.name) return command.run({all.begin() + 2, all.end()});
    if (all[1] == "completion") return completion({all.begin() + 2, all.end()});
    if (all[1] == "--version") {
      std::printf("moka %s\n", moka::kMokaVersion);
      return 0;
    }
    if (all[1] == "--help" || all[1] == "-h" || all[1] == "help") return help();
  }
  std::fprintf(
      stderr, "moka: %s (moka --help)\n",
      count < 2 ? "say what to do: moka run APP.jar" : ("no such command: " + all[1]).c_str());
  return moka::kStatusBadInput;
}
