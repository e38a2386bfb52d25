// SPDX-License-Identifier: Apache-2.0
#include "run/detachment.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "support/files.h"

namespace moka {
namespace {

// The command that waits: the child writes the VM's name once it runs, or ends.
[[noreturn]] void wait_for(pid_t child, const UniqueFd& report) {
  std::string name;
  char bytes[256];
  ssize_t count;
  while ((count = ::read(report.get(), bytes, sizeof bytes)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    name.append(bytes, static_cast<std::size_t>(count));
  }
  if (name.ends_with('\n')) {
    (void)write_fully(STDOUT_FILENO, name);
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

}  // namespace

std::optional<Detachment> Detachment::detach() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child > 0) {
    writing.reset();
    wait_for(child, reading);
  }
  ::setsid();
  return Detachment(std::move(writing), UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)));
}

Result<void> Detachment::redirect(const std::string& log_file) {
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!nothing || !log) return Error{"cannot write " + log_file + ": " + error_text(errno)};
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
  return {};
}

void Detachment::say_error(const std::string& text) const {
  (void)write_fully(standard_error_.get(), text);
}

bool Detachment::say_started(const std::string& name) {
  const bool is_heard = write_fully(report_.get(), name + "\n");
  report_.reset();
  standard_error_.reset();
  return is_heard;
}

}  // namespace moka
