// SPDX-License-Identifier: Apache-2.0
//
// `moka run` in a child process, with its standard descriptors in the test's hands.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "run/run_command.h"
#include "support/unique_fd.h"

namespace moka::test {

struct Ended {
  int status = -1;  // exit status, or 1000 + signal
  std::string output;
  std::string error;
};

class MokaProcess {
 public:
  // `terminal`: used for all three descriptors, as the controlling terminal, in place of pipes.
  explicit MokaProcess(const std::string& scene, const std::vector<std::string>& words,
                       int terminal = -1) {
    int in[2], out[2], err[2];
    EXPECT_EQ(0, ::pipe2(in, O_CLOEXEC) | ::pipe2(out, O_CLOEXEC) | ::pipe2(err, O_CLOEXEC));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      if (terminal >= 0) ::ioctl(terminal, TIOCSCTTY, 0);
      ::dup2(terminal >= 0 ? terminal : in[0], 0);
      ::dup2(terminal >= 0 ? terminal : out[1], 1);
      ::dup2(terminal >= 0 ? terminal : err[1], 2);
      for (const int fd : {in[0], in[1], out[0], out[1], err[0], err[1]}) ::close(fd);
      ::setenv("MOKA_FAKE_GUEST", scene.c_str(), 1);
      ::setenv("MOKA_QEMU", "/proc/self/exe", 1);
      ::_exit(run_command_line(words));
    }
    input = UniqueFd(in[1]);
    output = UniqueFd(out[0]);
    error = UniqueFd(err[0]);
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
  }
  ~MokaProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  void give(const std::string& text) {
    EXPECT_EQ(static_cast<ssize_t>(text.size()), ::write(input.get(), text.data(), text.size()));
  }
  void end_input() { input.reset(); }
  void signal(int number) { ::kill(pid_, number); }
  pid_t pid() const { return pid_; }

  // Reads one stream until it holds `text`; false after ten seconds.
  static bool wait_for(const UniqueFd& stream, std::string& seen, const std::string& text) {
    for (int tenths = 0; tenths < 100; ++tenths) {
      if (seen.find(text) != std::string::npos) return true;
      pollfd item{stream.get(), POLLIN, 0};
      if (::poll(&item, 1, 100) != 1) continue;
      char bytes[65536];
      const ssize_t count = ::read(stream.get(), bytes, sizeof bytes);
      if (count <= 0) return seen.find(text) != std::string::npos;
      seen.append(bytes, static_cast<std::size_t>(count));
    }
    return false;
  }
  bool wait_for_output(const std::string& text) { return wait_for(output, seen_.output, text); }

  // Reads both streams to their end and reaps; kills a launcher that takes more than `seconds`.
  Ended finish(int seconds = 30) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (output || error) {
      pollfd items[] = {{output ? output.get() : -1, POLLIN, 0},
                        {error ? error.get() : -1, POLLIN, 0}};
      ::poll(items, 2, 100);
      read_some(output, items[0].revents, seen_.output);
      read_some(error, items[1].revents, seen_.error);
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "the launcher did not end";
        ::kill(pid_, SIGKILL);
        break;
      }
    }
    reap();
    return seen_;
  }

  int reap() {
    int status = 0;
    if (pid_ > 0) ::waitpid(pid_, &status, 0);
    pid_ = -1;
    seen_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return seen_.status;
  }

  UniqueFd input, output, error;

 private:
  static void read_some(UniqueFd& stream, short events, std::string& seen) {
    if (events == 0) return;
    char bytes[65536];
    const ssize_t count = ::read(stream.get(), bytes, sizeof bytes);
    if (count > 0)
      seen.append(bytes, static_cast<std::size_t>(count));
    else
      stream.reset();
  }

  pid_t pid_ = -1;
  Ended seen_;
};

}  // namespace moka::test
