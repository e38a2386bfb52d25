// SPDX-License-Identifier: Apache-2.0
#include "registry/vm_name.h"

#include <algorithm>
#include <cctype>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLongestName = 63;
// Of a default name, for the number that may make it unique.
constexpr std::size_t kRoomForNumber = 8;

bool is_letter_or_digit(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0;
}

}  // namespace

bool is_vm_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && is_letter_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return is_letter_or_digit(letter) || letter == '.' || letter == '_' || letter == '-';
         });
}

std::string default_vm_name(std::string_view program) {
  while (program.size() > 1 && program.ends_with('/')) program.remove_suffix(1);
  std::string base = base_name(program);
  if (base.ends_with(".jar")) base.resize(base.size() - 4);
  std::string name;
  for (const char letter : base) {
    const bool fits = is_letter_or_digit(letter) || letter == '.' || letter == '_' || letter == '-';
    if (name.empty() && !is_letter_or_digit(letter)) continue;
    if (name.size() < kLongestName - kRoomForNumber) name += fits ? letter : '-';
  }
  return name.empty() ? "vm" : name;
}

}  // namespace moka
