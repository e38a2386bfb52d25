// SPDX-License-Identifier: Apache-2.0
//
// moka jcmd, moka threads: diagnostic commands of the JVM in a VM, with output and status of the
// JDK's own jcmd.
#include <cstdio>
#include <utility>

#include "commands/commands.h"
#include "commands/vm_statistics.h"
#include "contract/vm_contract.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "tools/tool_client.h"

namespace moka {
const char* const kJcmdUsage =
    "usage: moka jcmd VM [COMMAND [ARGUMENT]...]\n"
    "       moka jcmd VM -f FILE\n"
    "\n"
    "As the JDK's jcmd, for the JVM in a VM: \"moka jcmd VM help\" lists the commands.\n"
    "Names of files are the VM's own; moka heapdump and moka jfr bring files to the host.\n"
    "\n"
    "  -f FILE  commands from a file, one a line\n";
const char* const kThreadsUsage =
    "usage: moka threads VM [-l] [-e]\n"
    "       moka threads VM --kernel\n"
    "\n"
    "The stacks of all threads of the JVM in a VM; or what all threads of the VM do in its kernel,\n"
    "which needs no JVM that answers.\n"
    "\n"
    "  -l        java.util.concurrent locks, too\n"
    "  -e        more about each thread\n"
    "  --kernel  system calls and kernel stacks\n";

namespace {

constexpr std::size_t kLongestFile = 1 << 20;
// jcmd names the process that it asks; a VM's program has this number.
constexpr const char* kHeader = "1:\n";
constexpr const char* kKernelThreads = "mokapot/threads";

// Prints the answer to one command; the exit status. `header` comes before the first word of the
// JVM's.
int show(const VmView& vm, const std::string& command, std::string header = "") {
  const auto print_header = [&header] { std::fputs(std::exchange(header, "").c_str(), stdout); };
  bool has_printed = false;
  const Result<JvmAnswer> answer = run_diagnostic_command(vm, command, [&](std::string_view text) {
    print_header();
    has_printed |= !text.empty();
    std::fwrite(text.data(), 1, text.size(), stdout);
  });
  if (answer) print_header();
  std::fflush(stdout);
  if (!answer) return complain(answer.error().message, kStatusRefused);
  if (answer.value().status != 0) {
    std::string_view error = answer.value().error;
    while (error.ends_with('\n')) error.remove_suffix(1);
    if (error.empty()) error = "Command failed in target VM";
    std::fprintf(stderr, "%.*s\n", static_cast<int>(error.size()), error.data());
    return kStatusRefused;
  }
  if (!has_printed) std::printf("Command executed successfully\n");
  return 0;
}

// What /proc/mokapot/threads says.
int show_kernel_threads(const VmView& vm) {
  std::string answer;
  const Result<void> asked = ask_vm(vm, {mokapot::contract::kToolProc, kKernelThreads},
                                    [&answer](std::string_view piece) { answer += piece; });
  if (!asked) return complain(asked.error().message, kStatusRefused);
  std::fputs(proc_files(answer)[kKernelThreads].c_str(), stdout);
  return 0;
}

Result<VmView> find_vm(const std::string& name) {
  return MOKA_TRY(VmRegistry::open()).find_running(name);
}

}  // namespace

int jcmd_command(const Words& words) {
  if (wants_help(words, kJcmdUsage)) return 0;
  if (words.empty())
    return complain("say which VM: moka jcmd VM COMMAND (moka ps shows them)", kStatusBadInput);
  const Result<VmView> vm = find_vm(words.front());
  if (!vm) return complain(vm.error().message, kStatusBadInput);
  std::string commands;
  if (words.size() >= 2 && words[1] == "-f") {
    if (words.size() != 3)
      return complain("jcmd -f takes one file (moka jcmd --help)", kStatusBadInput);
    Result<std::string> text = read_file(words[2], kLongestFile);
    if (!text) return complain(text.error().message, kStatusBadInput);
    commands = std::move(text).value();
  } else {
    for (std::size_t index = 1; index < words.size(); ++index)
      commands += (index == 1 ? "" : " ") + words[index];
  }
  if (trim(commands).empty()) commands = "help";
  // jcmd answers this one itself, from a file that the JVM maps.
  if (trim(commands).starts_with("PerfCounter.print"))
    return complain(
        "PerfCounter.print reads memory that only tools in the VM can see; take moka jfr or JMX",
        kStatusRefused);
  std::string header = kHeader;
  for (const std::string& line : split(commands, '\n')) {
    if (trim(line) == "stop") break;
    if (trim(line).empty()) continue;
    if (const int status = show(vm.value(), line, std::exchange(header, "")); status != 0)
      return status;
  }
  return 0;
}

int threads_command(const Words& words) {
  if (wants_help(words, kThreadsUsage)) return 0;
  std::string name, options;
  bool is_kernel = false;
  for (const std::string& word : words) {
    if (word == "-l" || word == "-e")
      options += " " + word;
    else if (word == "--kernel")
      is_kernel = true;
    else if (word.starts_with("-") || !name.empty())
      return complain("threads does not know " + word + " (moka threads --help)", kStatusBadInput);
    else
      name = word;
  }
  if (name.empty())
    return complain("say which VM: moka threads VM (moka ps shows them)", kStatusBadInput);
  const Result<VmView> vm = find_vm(name);
  if (!vm) return complain(vm.error().message, kStatusBadInput);
  if (is_kernel && !options.empty())
    return complain("--kernel shows the kernel's threads; -l and -e are for Java's", kStatusBadInput);
  if (is_kernel) return show_kernel_threads(vm.value());
  return show(vm.value(), "Thread.print" + options);
}

}  // namespace moka
