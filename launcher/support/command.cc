// SPDX-License-Identifier: Apache-2.0
#include "support/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "support/files.h"
#include "support/interruption.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

constexpr std::size_t kKeptOutput = 65536;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Those given come first, where getenv() finds them.
std::vector<std::string> environment_with(const std::vector<std::string>& extra) {
  std::vector<std::string> words = extra;
  for (char** variable = environ; *variable != nullptr; ++variable) words.emplace_back(*variable);
  return words;
}

// A program that was started for a user who has given up ends, too.
std::string read_to_end(int fd, pid_t child) {
  std::string output;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) {
      if (is_interrupted()) ::kill(child, SIGTERM);
      continue;
    }
    if (count <= 0) return output;
    output.append(buffer, static_cast<std::size_t>(count));
    if (output.size() > kKeptOutput) output.erase(0, output.size() - kKeptOutput);
  }
}

}  // namespace

CommandOutcome run_command(const std::vector<std::string>& command,
                           const std::vector<std::string>& extra_environment,
                           const std::vector<int>& inherited) {
  const std::string program = find_program(command.front());
  if (program.empty()) return {kCommandNotFound, ""};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {1, error_text(errno)};
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);

  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = environment_with(extra_environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  // Onto itself: then it loses its close-on-exec flag.
  for (const int fd : inherited) ::posix_spawn_file_actions_adddup2(&actions, fd, fd);
  pid_t child = -1;
  const int error_number =
      ::posix_spawn(&child, program.c_str(), &actions, nullptr, pointers_to(arguments).data(),
                    pointers_to(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error_number != 0) return {1, error_text(error_number)};
  writing.reset();

  CommandOutcome outcome;
  outcome.output = read_to_end(reading.get(), child);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

Result<StartedProgram> start_program(const std::vector<std::string>& command,
                                     const std::vector<std::string>& extra_environment) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{"cannot make a pipe: " + error_text(errno)};
  StartedProgram started;
  started.errors = UniqueFd(ends[0]);
  const UniqueFd writing(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = environment_with(extra_environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const int error_number =
      ::posix_spawn(&started.process, command.front().c_str(), &actions, &attributes,
                    pointers_to(arguments).data(), pointers_to(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error_number != 0)
    return Error{"cannot start " + command.front() + ": " + error_text(error_number)};
  return started;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return ::access(name.c_str(), X_OK) == 0 ? name : std::string();
  const char* path = std::getenv("PATH");
  // Tools that make file systems may live in sbin, which a user's PATH may lack.
  for (const std::string& directory :
       split(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin", ':')) {
    const std::string candidate = directory + "/" + name;
    if (!directory.empty() && is_regular_file(candidate) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return {};
}

}  // namespace moka
