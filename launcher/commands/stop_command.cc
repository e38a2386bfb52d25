// SPDX-License-Identifier: Apache-2.0
//
// moka stop, moka kill: end a VM, as a signal from its own terminal would, or by force.
#include <csignal>

#include "commands/commands.h"
#include "commands/process_handle.h"
#include "session/exit_report.h"
#include "support/numbers.h"
#include "tools/tool_client.h"
#include "tools/tool_server.h"

namespace moka {
const char* const kStopUsage =
    "usage: moka stop [-t SECONDS] VM...\n"
    "\n"
    "Sends SIGTERM to the program, so that shutdown hooks run, and waits for its end.\n"
    "\n"
    "  -t SECONDS  after which it is ended by force (30)\n";
const char* const kKillUsage =
    "usage: moka kill VM...\n"
    "\n"
    "Ends a VM at once, with status 137. Its program is not told.\n";

namespace {

constexpr int kDefaultSeconds = 30;
constexpr int kMostSeconds = 1'000'000;
// How long its `moka run` may take to end a VM that it was told to kill, before it is killed
// itself.
constexpr int kKillMilliseconds = 10'000;

Result<void> kill_vm(const VmView& vm, const ProcessHandle& process) {
  const Result<void> asked = ask_vm(vm, {kMoka, kMokaKill}, [](std::string_view) {});
  if (!asked || !process.wait(kKillMilliseconds)) process.signal(SIGKILL);
  // Its QEMU dies with it.
  if (process.wait(kKillMilliseconds)) return {};
  return Error{"the VM " + vm.record.name + " cannot be ended: its process does not die"};
}

Result<void> end_vm(const VmRegistry& registry, const std::string& name, int seconds) {
  const VmView vm = MOKA_TRY(registry.find_running(name));
  const ProcessHandle process = MOKA_TRY(ProcessHandle::open(registry, vm));
  if (seconds < 0) return kill_vm(vm, process);
  process.signal(SIGTERM);
  if (process.wait(seconds * 1000)) return {};
  complain(name + " did not end within " + std::to_string(seconds) + " s and is ended by force", 0);
  return kill_vm(vm, process);
}

int end_all(const Words& names, int seconds, const char* command) {
  if (names.empty())
    return complain(std::string("say which VM: moka ") + command + " VM (moka ps shows them)",
                    kStatusBadInput);
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  int status = 0;
  for (const std::string& name : names)
    if (const Result<void> ended = end_vm(registry.value(), name, seconds); !ended)
      status = complain(ended.error().message, kStatusBadInput);
  return status;
}

}  // namespace

int stop_command(const Words& words) {
  if (wants_help(words, kStopUsage)) return 0;
  int seconds = kDefaultSeconds;
  Words names = words;
  if (!names.empty() && names.front().starts_with("-")) {
    const std::string text = names.size() > 1 ? names[1] : "";
    seconds = parse_number<int>(text).value_or(-1);
    if (names.front() != "-t" || seconds < 0 || seconds > kMostSeconds)
      return complain("stop knows -t SECONDS (moka stop --help)", kStatusBadInput);
    names.erase(names.begin(), names.begin() + 2);
  }
  return end_all(names, seconds, "stop");
}

int kill_command(const Words& words) {
  if (wants_help(words, kKillUsage)) return 0;
  return end_all(words, -1, "kill");
}

}  // namespace moka
