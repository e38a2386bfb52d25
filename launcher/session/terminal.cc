// SPDX-License-Identifier: Apache-2.0
#include "session/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>

#include "support/files.h"

namespace moka {
namespace {

// NCCS of the kernel's struct termios; glibc's array is longer.
constexpr std::size_t kControlCharacters = 19;

std::optional<unsigned> hexadecimal(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// SIGTTOU would stop us for changing the settings from the background; blocked, the call succeeds.
void set_settings(int fd, const termios& settings) {
  sigset_t block, before;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &block, &before);
  while (::tcsetattr(fd, TCSANOW, &settings) != 0 && errno == EINTR) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Waits until the launcher is gone or says that all is well; async-signal-safe calls only.
[[noreturn]] void guard(int pipe, int terminal, const termios& settings) {
  // Out of reach of Ctrl-C and of the shell's job control.
  ::setsid();
  for (int number = 1; number < NSIG; ++number)
    if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_IGN);
  char dismissed;
  ssize_t count;
  while ((count = ::read(pipe, &dismissed, 1)) < 0 && errno == EINTR) {
  }
  if (count == 0) ::tcsetattr(terminal, TCSANOW, &settings);
  ::_exit(0);
}

}  // namespace

std::string encode_termios(const termios& settings) {
  char text[64 + 2 * kControlCharacters];
  int length = std::snprintf(text, sizeof text, "%x %x %x %x ", settings.c_iflag, settings.c_oflag,
                             settings.c_cflag, settings.c_lflag);
  for (std::size_t index = 0; index < kControlCharacters; ++index)
    length += std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length), "%02x",
                            settings.c_cc[index]);
  return text;
}

std::optional<termios> decode_termios(std::string_view text, const termios& base) {
  const std::vector<std::string> words = split(trim(text), ' ');
  if (words.size() < 4) return std::nullopt;
  termios settings = base;
  tcflag_t* const flags[] = {&settings.c_iflag, &settings.c_oflag, &settings.c_cflag,
                             &settings.c_lflag};
  for (std::size_t index = 0; index < 4; ++index) {
    const std::optional<unsigned> value = hexadecimal(words[index]);
    if (!value) return std::nullopt;
    *flags[index] = *value;
  }
  // Digits in one word or a word each.
  std::string digits;
  for (std::size_t index = 4; index < words.size(); ++index) digits += words[index];
  if (digits.size() % 2 != 0) return std::nullopt;
  for (std::size_t index = 0; index < digits.size() / 2 && index < kControlCharacters; ++index) {
    const std::optional<unsigned> value =
        hexadecimal(std::string_view(digits).substr(index * 2, 2));
    if (!value) return std::nullopt;
    settings.c_cc[index] = static_cast<cc_t>(*value);
  }
  return settings;
}

Terminal::Terminal(int fd) : fd_(fd) {
  is_terminal_ = ::isatty(fd) != 0 && ::tcgetattr(fd, &original_) == 0;
  current_ = original_;
}

Terminal::~Terminal() { restore(); }

std::string Terminal::window_size() const {
  winsize size{};
  if (::ioctl(fd_, TIOCGWINSZ, &size) != 0 || (size.ws_row == 0 && size.ws_col == 0)) return {};
  return std::to_string(size.ws_row) + " " + std::to_string(size.ws_col);
}

bool Terminal::apply(std::string_view text) {
  if (!is_terminal_) return true;
  std::optional<termios> settings = decode_termios(text, original_);
  if (!settings) return false;
  // The line itself (speed, parity) is the host's. How long read() waits is between us and poll().
  settings->c_cflag = original_.c_cflag;
  if ((settings->c_lflag & ICANON) == 0) {
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
  }
  if (!is_changed_) start_guardian();
  is_changed_ = true;
  current_ = *settings;
  set_settings(fd_, current_);
  return true;
}

void Terminal::restore() {
  if (is_changed_) set_settings(fd_, original_);
  dismiss_guardian();
  is_changed_ = false;
}

void Terminal::reapply() {
  // Nothing was changed, or it has been given back for good.
  if (!is_terminal_) return;
  if (std::string now = encode_termios(current_); now != encode_termios(original_)) apply(now);
}

bool Terminal::is_foreground() const {
  if (!is_terminal_) return true;
  const pid_t foreground = ::tcgetpgrp(fd_);
  // Not our controlling terminal: no job control applies.
  return foreground < 0 || foreground == ::getpgrp();
}

void Terminal::start_guardian() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  UniqueFd reading(ends[0]);
  guardian_pipe_ = UniqueFd(ends[1]);
  guardian_ = ::fork();
  if (guardian_ == 0) {
    guardian_pipe_.reset();
    guard(reading.get(), fd_, original_);
  }
}

void Terminal::dismiss_guardian() {
  if (guardian_ > 0) {
    (void)!::write(guardian_pipe_.get(), "", 1);
    while (::waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  guardian_ = -1;
  guardian_pipe_.reset();
}

}  // namespace moka
