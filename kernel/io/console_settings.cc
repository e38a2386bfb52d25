// SPDX-License-Identifier: Apache-2.0
//
// Terminal settings as text, the contract's form: four flag words in hexadecimal, then the control
// characters as two digits each. What comes from the host is checked like any outside data.
#include <string_view>

#include "base/format.h"
#include "io/console.h"

namespace mokapot {
namespace {

int hexadecimal_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the next blank-separated word off text.
std::string_view take_word(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const std::size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(word.size());
  return word;
}

Result<std::uint32_t> parse_hexadecimal(std::string_view word) {
  if (word.empty() || word.size() > 8) return Errno::kEINVAL;
  std::uint32_t value = 0;
  for (const char c : word) {
    const int digit = hexadecimal_digit(c);
    if (digit < 0) return Errno::kEINVAL;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  return value;
}

}  // namespace

Termios usual_termios() {
  // ICRNL IXON; OPOST ONLCR; B38400 CS8 CREAD; ISIG ICANON ECHO ECHOE ECHOK ECHOCTL ECHOKE IEXTEN.
  Termios termios{0x500, 0x5, 0xbf, 0x8a3b, 0, {}};
  constexpr std::uint8_t kCharacters[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};
  for (std::size_t i = 0; i < sizeof(kCharacters); ++i) termios.control_characters[i] = kCharacters[i];
  return termios;
}

Result<Termios> parse_termios(std::string_view text) {
  Termios termios;
  termios.input_flags = TRY(parse_hexadecimal(take_word(text)));
  termios.output_flags = TRY(parse_hexadecimal(take_word(text)));
  termios.control_flags = TRY(parse_hexadecimal(take_word(text)));
  termios.local_flags = TRY(parse_hexadecimal(take_word(text)));
  const std::string_view digits = take_word(text);
  if (digits.size() % 2 != 0 || !take_word(text).empty()) return Errno::kEINVAL;
  for (std::size_t i = 0; i < digits.size() / 2 && i < sizeof(termios.control_characters); ++i) {
    termios.control_characters[i] =
        static_cast<std::uint8_t>(TRY(parse_hexadecimal(digits.substr(2 * i, 2))));
  }
  return termios;
}

std::size_t format_termios(const Termios& termios, char* buffer, std::size_t size) {
  std::size_t length = format_to(buffer, size, "%x %x %x %x ", termios.input_flags, termios.output_flags,
                                 termios.control_flags, termios.local_flags);
  for (const std::uint8_t character : termios.control_characters) {
    if (length >= size) return length;
    length += format_to(buffer + length, size - length, "%02x", character);
  }
  return length;
}

}  // namespace mokapot
