// SPDX-License-Identifier: Apache-2.0
//
// moka logs: what a detached VM has said.
#include <fcntl.h>
#include <sys/inotify.h>

#include <cerrno>

#include "commands/commands.h"
#include "commands/process_handle.h"
#include "session/exit_report.h"
#include "support/files.h"

namespace moka {
const char* const kLogsUsage =
    "usage: moka logs [-f] VM\n"
    "\n"
    "Shows the output of a VM that runs, or ran, detached (moka run -d).\n"
    "\n"
    "  -f  go on as more comes, to the VM's end\n";

namespace {

// All that the log holds by now; false where nobody reads it any more.
bool copy(int log) {
  char bytes[65536];
  ssize_t count;
  while ((count = ::read(log, bytes, sizeof bytes)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || !write_fully(STDOUT_FILENO, {bytes, static_cast<std::size_t>(count)}))
      return false;
  }
  return true;
}

// Copies until the process has ended, and then what it wrote last.
void follow(int log, const std::string& path, const ProcessHandle& process) {
  const UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!changes || ::inotify_add_watch(changes.get(), path.c_str(), IN_MODIFY) < 0) return;
  while (copy(log)) {
    pollfd items[] = {{changes.get(), POLLIN, 0}, {process.fd(), POLLIN, 0}};
    if (::poll(items, 2, -1) < 0 && errno != EINTR) return;
    char events[4096];
    while (::read(changes.get(), events, sizeof events) > 0) {
    }
    if (items[1].revents != 0) {
      (void)copy(log);
      return;
    }
  }
}

}  // namespace

int logs_command(const Words& words) {
  if (wants_help(words, kLogsUsage)) return 0;
  bool follows = false;
  std::string name;
  for (const std::string& word : words) {
    if (word == "-f" || word == "--follow") {
      follows = true;
    } else if (word.starts_with("-") || !name.empty()) {
      return complain("logs does not know " + word + " (moka logs --help)", kStatusBadInput);
    } else {
      name = word;
    }
  }
  if (name.empty())
    return complain("say which VM: moka logs VM (moka ps -a shows them)", kStatusBadInput);
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  const Result<VmView> vm = registry.value().find(name);
  if (!vm) return complain(vm.error().message, kStatusBadInput);
  if (!vm.value().record.is_detached)
    return complain(name + " was started without -d: its output goes where it was started",
                    kStatusBadInput);
  const std::string path = vm.value().folder + "/log";
  // A pipe that somebody put there would keep us.
  if (!is_regular_file(path))
    return complain(path + " is missing or no file; moka run -d makes it", kStatusBadInput);
  const UniqueFd log(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!log) return complain("cannot read " + path + ": " + error_text(errno), kStatusBadInput);
  if (follows && vm.value().is_running)
    if (const Result<ProcessHandle> process = ProcessHandle::open(registry.value(), vm.value())) {
      follow(log.get(), path, process.value());
      return 0;
    }
  (void)copy(log.get());
  return 0;
}

}  // namespace moka
