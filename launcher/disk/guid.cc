// SPDX-License-Identifier: Apache-2.0
#include "disk/guid.h"

#include <algorithm>
#include <cstdio>

namespace moka {
namespace {

unsigned digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  return static_cast<unsigned>((digit | 0x20) - 'a' + 10) & 0xf;
}

// The same exchange leads there and back.
void swap_fields(std::uint8_t* bytes) {
  std::reverse(bytes, bytes + 4);
  std::reverse(bytes + 4, bytes + 6);
  std::reverse(bytes + 6, bytes + 8);
}

}  // namespace

Guid Guid::from_text(std::string_view text) {
  Guid guid;
  std::size_t digit = 0;
  for (const char letter : text) {
    if (letter == '-' || digit == 2 * guid.bytes.size()) continue;
    guid.bytes[digit / 2] =
        static_cast<std::uint8_t>(guid.bytes[digit / 2] << 4 | digit_value(letter));
    ++digit;
  }
  return guid;
}

Guid Guid::from_digest(std::string_view hexadecimal) {
  Guid guid = from_text(hexadecimal);
  guid.bytes[6] = static_cast<std::uint8_t>((guid.bytes[6] & 0x0f) | 0x80);  // version 8
  guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3f) | 0x80);  // variant
  return guid;
}

Guid Guid::from_disk(std::string_view bytes) {
  Guid guid;
  std::copy_n(bytes.begin(), std::min(bytes.size(), guid.bytes.size()), guid.bytes.begin());
  swap_fields(guid.bytes.data());
  return guid;
}

std::string Guid::text() const {
  std::string text;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    if (index == 4 || index == 6 || index == 8 || index == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", bytes[index]);
    text += digits;
  }
  return text;
}

std::string Guid::disk_bytes() const {
  Guid swapped = *this;
  swap_fields(swapped.bytes.data());
  return {swapped.bytes.begin(), swapped.bytes.end()};
}

}  // namespace moka
