// SPDX-License-Identifier: Apache-2.0
#include "cli/output_format.h"

namespace moka {

Result<std::string> take_output_format(std::vector<std::string>& words) {
  constexpr std::string_view kOption = "--output";
  std::string format = "text";
  for (std::size_t index = 0; index < words.size();) {
    const std::string word = words[index];
    const auto at = words.begin() + static_cast<std::ptrdiff_t>(index);
    if (word.starts_with("--output=")) {
      format = word.substr(kOption.size() + 1);
      words.erase(at);
    } else if (word == kOption) {
      if (index + 1 == words.size()) return Error{"--output knows text and json"};
      format = words[index + 1];
      words.erase(at, at + 2);
    } else {
      ++index;
    }
  }
  if (format != "text" && format != "json") return Error{"--output knows text and json"};
  return format;
}

}  // namespace moka
