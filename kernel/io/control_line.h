// SPDX-License-Identifier: Apache-2.0
//
// The control port's lines from the host (contract/vm_contract.h): outside data, so every line either is a
// well-formed command or is refused as a whole. Plain functions without state; any context.
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

}  // namespace mokapot
