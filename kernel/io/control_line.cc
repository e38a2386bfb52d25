// SPDX-License-Identifier: Apache-2.0
#include "io/control_line.h"

#include "base/number.h"
#include "contract/vm_contract.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMostSignals = 64;
constexpr std::uint64_t kMostRows = 65535;

// Takes the next blank-separated word off text.
std::string_view take_word(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint64_t> take_number(std::string_view& text, std::uint64_t least, std::uint64_t most) {
  const std::optional<std::uint64_t> value = parse_decimal(take_word(text));
  return value && (*value < least || *value > most) ? std::nullopt : value;
}

}  // namespace

std::optional<ControlCommand> parse_control_line(std::string_view line) {
  using Verb = ControlCommand::Verb;
  ControlCommand command;
  const std::string_view verb = take_word(line);
  std::optional<std::uint64_t> first = 0, second = 0;
  if (verb == contract::kHostSignal) {
    command.verb = Verb::kSignal;
    first = take_number(line, 1, kMostSignals);
  } else if (verb == contract::kHostWindow) {
    command.verb = Verb::kWindow;
    first = take_number(line, 0, kMostRows);
    second = take_number(line, 0, kMostRows);
  } else if (verb == contract::kHostEndOfInput) {
    command.verb = Verb::kEndOfInput;
    first = take_number(line, 0, INT64_MAX);
  } else if (verb == contract::kHostPing) {
    command.verb = Verb::kPing;
  } else if (verb == contract::kHostClock) {
    command.verb = Verb::kClock;
    first = take_number(line, 1, INT64_MAX);
  } else if (verb == contract::kHostAcknowledge) {
    command.verb = Verb::kAcknowledge;
  } else {
    return std::nullopt;
  }
  if (!first || !second || !take_word(line).empty()) return std::nullopt;
  command.first = *first;
  command.second = *second;
  return command;
}

std::optional<std::string_view> ControlLineAssembler::take(char byte) {
  if (complete_) {
    size_ = 0;
    complete_ = too_long_ = false;
  }
  if (byte != '\n') {
    if (size_ == kLongest) too_long_ = true;
    else line_[size_++] = byte;
    return std::nullopt;
  }
  complete_ = true;
  if (too_long_) return std::nullopt;
  if (size_ > 0 && line_[size_ - 1] == '\r') --size_;
  return std::string_view(line_, size_);
}

OutgoingControlLine::OutgoingControlLine(std::string_view words) {
  for (const char c : words.substr(0, kLongest)) text_[size_++] = c;
  text_[size_++] = '\n';
}

}  // namespace mokapot
