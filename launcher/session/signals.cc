// SPDX-License-Identifier: Apache-2.0
#include "session/signals.h"

#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "support/files.h"

namespace moka {
namespace {

constexpr int kWanted[] = {SIGINT,  SIGTERM,  SIGQUIT, SIGHUP, SIGUSR1,
                           SIGUSR2, SIGWINCH, SIGTSTP, SIGCHLD};

bool is_ignored(int number) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_IGN;
}

}  // namespace

Result<HostSignals> HostSignals::take_over() {
  HostSignals taken;
  // SIGCHLD must not be ignored, or QEMU's end could not be waited for.
  ::signal(SIGCHLD, SIG_DFL);
  // Reading a terminal from the background must answer EIO, not stop us: java does not read
  // unasked.
  ::signal(SIGTTIN, SIG_IGN);
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int number : kWanted)
    if (!is_ignored(number)) ::sigaddset(&wanted, number);
  ::sigprocmask(SIG_BLOCK, &wanted, &taken.before_);
  taken.signals_ = UniqueFd(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  taken.ticks_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec second{{1, 0}, {1, 0}};
  if (!taken.signals_ || !taken.ticks_ ||
      ::timerfd_settime(taken.ticks_.get(), 0, &second, nullptr) != 0)
    return Error{"cannot watch for signals: " + error_text(errno)};
  return taken;
}

HostSignals::~HostSignals() {
  if (signals_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::vector<int> HostSignals::take_signals() {
  std::vector<int> numbers;
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    numbers.push_back(static_cast<int>(info.ssi_signo));
  return numbers;
}

bool HostSignals::take_tick() {
  std::uint64_t count = 0;
  return ::read(ticks_.get(), &count, sizeof count) == static_cast<ssize_t>(sizeof count);
}

void HostSignals::stop_self() { ::kill(::getpid(), SIGSTOP); }

}  // namespace moka
