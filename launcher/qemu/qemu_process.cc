// SPDX-License-Identifier: Apache-2.0
#include "qemu/qemu_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "support/files.h"
#include "support/process_statistics.h"

namespace moka {
namespace {

// The child between fork and exec: only calls that are safe there.
[[noreturn]] void become_qemu(char* const* arguments, const std::vector<int>& inherited, int output,
                              pid_t parent) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above.
  if (::getppid() != parent) ::_exit(1);

  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // Whoever started us may have left descriptors open; they are not QEMU's business.
  ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
  for (const int fd : inherited) ::fcntl(fd, F_SETFD, 0);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Result<QemuProcess> QemuProcess::start(const std::vector<std::string>& command,
                                       const std::vector<int>& inherited) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{"cannot start QEMU: " + error_text(errno)};
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);

  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return Error{"cannot start QEMU: " + error_text(errno)};
  if (child == 0) become_qemu(arguments.data(), inherited, writing.get(), parent);
  return QemuProcess(child, std::move(reading));
}

QemuProcess::QemuProcess(QemuProcess&& other) noexcept
    : pid_(other.pid_), output_(std::move(other.output_)), end_(other.end_) {
  other.pid_ = -1;
}

QemuProcess::~QemuProcess() {
  if (pid_ < 0 || end_) return;
  kill();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> QemuProcess::poll_end() {
  if (end_) return end_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) end_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return end_;
}

void QemuProcess::kill() {
  if (pid_ > 0 && !end_) ::kill(pid_, SIGKILL);
}

bool QemuProcess::is_stopped() const {
  const auto statistics = process_statistics(pid_);
  return statistics && statistics->state == 'T';
}

long QemuProcess::cpu_milliseconds() const {
  const auto statistics = process_statistics(pid_);
  return statistics ? static_cast<long>(statistics->cpu_milliseconds) : 0;
}

}  // namespace moka
