// SPDX-License-Identifier: Apache-2.0
//
// The host's terminal. It stays as the user has it, line editing and all, until the guest's program
// asks for other settings (raw mode); whatever then happens to this process, the settings come
// back: on an orderly end by restore(), and after a crash or SIGKILL by a guardian process that
// waits for the end of a pipe which only we hold.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "support/unique_fd.h"

namespace moka {

// The wire form of terminal settings: input, output, control and local flags in hexadecimal, then
// the control characters of Linux's struct termios as two digits each, in one word.
std::string encode_termios(const termios& settings);
// Fills only what the text names; nothing where it makes no sense.
std::optional<termios> decode_termios(std::string_view text, const termios& base);

class Terminal {
 public:
  // `fd` is borrowed, and a terminal or not.
  explicit Terminal(int fd);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool is_terminal() const { return is_terminal_; }
  std::string termios_text() const { return encode_termios(original_); }
  // "ROWS COLUMNS", or "" where the terminal does not know.
  std::string window_size() const;

  // Settings that the guest asked for. False where the text makes no sense.
  bool apply(std::string_view text);
  void restore();
  // After the launcher was stopped and goes on: what the guest last asked for.
  void reapply();

  // Whether end-of-file is a character (Ctrl-D) in the current settings; else 0 bytes mean nothing.
  bool has_line_editing() const { return (current_.c_lflag & ICANON) != 0; }
  // Whether we may read from it now; a background job may not.
  bool is_foreground() const;

 private:
  void start_guardian();
  void dismiss_guardian();

  int fd_;
  bool is_terminal_ = false;
  bool is_changed_ = false;
  termios original_{};
  termios current_{};
  pid_t guardian_ = -1;
  UniqueFd guardian_pipe_;
};

}  // namespace moka
