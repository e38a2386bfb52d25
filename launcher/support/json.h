// SPDX-License-Identifier: Apache-2.0
//
// JSON that comes from outside, or holds what does. The library throws where text is no UTF-8 (names
// of files need not be), and goes down and up a nesting by recursion; both ended moka.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace moka {

// Documents of moka's own are five deep at the most.
inline constexpr int kDeepestJson = 64;

// Discarded (is_object() and the like are false) where the text is none, or nested too deeply.
template <typename Json = nlohmann::ordered_json>
Json parse_json(std::string_view text) {
  bool is_too_deep = false;
  Json document = Json::parse(
      text,
      [&is_too_deep](int depth, nlohmann::detail::parse_event_t, Json&) {
        is_too_deep |= depth > kDeepestJson;
        return !is_too_deep;
      },
      false);
  return is_too_deep ? Json(Json::value_t::discarded) : document;
}

// Bytes that are no UTF-8 become U+FFFD.
template <typename Json>
std::string json_text(const Json& document, int indent = -1) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// A member of an object as text; "" where it is missing or of another kind.
template <typename Json>
std::string text_in(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->template get<std::string>() : "";
}

// A whole number that fits, or nothing.
template <typename Number, typename Json>
std::optional<Number> number_in(const Json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned()) {
    const auto value = found->template get<std::uint64_t>();
    return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value)) : std::nullopt;
  }
  const auto value = found->template get<std::int64_t>();
  return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value)) : std::nullopt;
}

}  // namespace moka
