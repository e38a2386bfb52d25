// SPDX-License-Identifier: Apache-2.0
//
// The control port's lines (contract/vm_contract.h). From the host: outside data, so every line either is a
// well-formed command or is refused as a whole. To the host: always ended. Plain functions without state; any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mokapot {

struct ControlCommand {
  enum class Verb : std::uint8_t { kSignal, kWindow, kEndOfInput, kPing, kClock, kAcknowledge };
  Verb verb = Verb::kPing;
  // signal: the number. winsize: rows, columns. eof: bytes. clock: nanoseconds.
  std::uint64_t first = 0, second = 0;
};

// line is without its newline.
std::optional<ControlCommand> parse_control_line(std::string_view line);

// Puts lines together from pieces of a stream. A line that is too long is dropped whole.
class ControlLineAssembler {
 public:
  // Takes one byte; returns a line when it ended one. The line is valid until the next call.
  std::optional<std::string_view> take(char byte);

 private:
  static constexpr std::size_t kLongest = 256;
  char line_[kLongest] = {};
  std::size_t size_ = 0;
  bool complete_ = false;
  bool too_long_ = false;
};

// A line to the host. One that is too long loses its last words, and never its end: the next line, which may be the
// program's exit, would be taken for part of it.
class OutgoingControlLine {
 public:
  explicit OutgoingControlLine(std::string_view words);
  std::string_view view() const { return {text_, size_}; }

  static constexpr std::size_t kLongest = 400;

 private:
  char text_[kLongest + 1];
  std::size_t size_ = 0;
};

}  // namespace mokapot
