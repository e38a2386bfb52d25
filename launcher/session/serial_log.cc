// SPDX-License-Identifier: Apache-2.0
#include "session/serial_log.h"

#include <algorithm>

#include "contract/vm_contract.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr std::string_view kPanic = mokapot::contract::kPanicPrefix;
constexpr std::string_view kState = mokapot::contract::kStatePrefix;

}  // namespace

void SerialLog::append(std::string_view text) {
  text_ += text;
  // Cut down to the limit only when it is twice exceeded, so that appending stays cheap.
  if (text_.size() > 2 * kKeptBytes) text_.erase(0, text_.size() - kKeptBytes);
}

std::string SerialLog::panic() const {
  const std::size_t at = text_.find(kPanic);
  if (at == std::string::npos) return {};
  const std::size_t end = text_.find_first_of("\r\n", at);
  return std::string(
      trim(std::string_view(text_).substr(at + kPanic.size(), end - at - kPanic.size())));
}

std::string SerialLog::last_lines(std::size_t count) const {
  std::string_view text = text_;
  if (text.size() > kKeptBytes) text.remove_prefix(text.size() - kKeptBytes);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return {};
  std::size_t start = text.size();
  while (count > 0 && start != std::string_view::npos) {
    start = start == 0 ? std::string_view::npos : text.rfind('\n', start - 1);
    --count;
  }
  start = start == std::string_view::npos ? 0 : start + 1;
  start = std::min({start, text.find(kPanic), text.find(kState)});
  std::string lines;
  // A terminal must not be commanded by what a broken kernel prints.
  for (const char letter : text.substr(start))
    if (letter == '\n' || letter == '\t' || static_cast<unsigned char>(letter) >= 0x20)
      lines += letter;
  return lines + "\n";
}

}  // namespace moka
