// SPDX-License-Identifier: Apache-2.0
//
// Numbers in words.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace moka {

// The whole text as a decimal number that T holds. Nothing where it is anything else.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace moka
