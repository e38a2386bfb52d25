// SPDX-License-Identifier: Apache-2.0
//
// Numbers in text that comes from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mokapot {

// The whole text as a decimal number. Empty where it is anything else, or more than 64 bits.
constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  return value;
}

}  // namespace mokapot
