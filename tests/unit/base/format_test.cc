// SPDX-License-Identifier: Apache-2.0
//
// Formatting, held against the C library's printf wherever the two promise the same.

#include "base/format.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace mokapot {
namespace {

// The formats come from tables here, so the compiler cannot check them.
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

template <typename... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  char text[256];
  const std::size_t length = format_to(text, sizeof(text), format, arguments...);
  EXPECT_EQ(length, std::strlen(text)) << format;
  return text;
}

template <typename... Arguments>
void expect_as_printf(const std::string& format, Arguments... arguments) {
  char expected[256];
  std::snprintf(expected, sizeof(expected), format.c_str(), arguments...);
  EXPECT_EQ(formatted(format.c_str(), arguments...), expected) << "format \"" << format << '"';
}

// Every combination of flags, widths and precisions with the given length and conversion.
std::vector<std::string> specifications(const std::string& flags, const std::string& tail) {
  std::vector<std::string> result;
  for (unsigned chosen = 0; chosen < (1u << flags.size()); ++chosen) {
    std::string start = "%";
    for (std::size_t i = 0; i < flags.size(); ++i)
      if ((chosen & (1u << i)) != 0) start += flags[i];
    for (const char* width : {"", "1", "7", "24"})
      for (const char* precision : {"", ".", ".0", ".1", ".5", ".20"}) result.push_back(start + width + precision + tail);
  }
  return result;
}

TEST(Format, SignedNumbersAsPrintf) {
  for (const std::string& format : specifications("-0+ ", "d"))
    for (const int value : {0, 1, -1, 42, -12345, INT_MAX, INT_MIN}) expect_as_printf(format, value);
  for (const std::string& format : specifications("-0+", "ld"))
    for (const long value : {0L, -7L, LONG_MAX, LONG_MIN}) expect_as_printf(format, value);
}

TEST(Format, UnsignedNumbersAsPrintf) {
  for (const char* conversion : {"u", "x", "X", "o"}) {
    const std::string flags = *conversion == 'u' ? "-0" : "-0#";
    for (const std::string& format : specifications(flags, conversion))
      for (const unsigned value : {0u, 1u, 8u, 0xabcdefu, UINT_MAX}) expect_as_printf(format, value);
    for (const std::string& format : specifications(flags, std::string("l") + conversion))
      for (const unsigned long value : {0ul, 511ul, ULONG_MAX}) expect_as_printf(format, value);
  }
}

TEST(Format, LengthsCutToTheirType) {
  for (const char* format : {"%hhd", "%hd", "%hhu", "%hu", "%hhx", "%hx"})
    for (const int value : {0, -1, 0x7f, 0x80, 0x1ff, 0x8000, 0x12345}) expect_as_printf(format, value);
  for (const char* format : {"%lld", "%zd", "%jd", "%td", "%llx", "%zu"})
    for (const long value : {0L, -1L, LONG_MAX, LONG_MIN}) expect_as_printf(format, value);
}

TEST(Format, TextAndCharactersAsPrintf) {
  for (const char* format : {"%s", "%8s", "%-8s", "%.2s", "%8.2s", "%.0s", "%.20s", "[%s]"})
    for (const char* text : {"", "a", "four", "longer than its width"}) expect_as_printf(format, text);
  for (const char* format : {"%c", "%3c", "%-3c"}) expect_as_printf(format, 'x');
  expect_as_printf("100%%");
}

TEST(Format, ANulCharacterIsACharacter) {
  char text[8] = "????";
  EXPECT_EQ(format_to(text, sizeof(text), "a%cb", '\0'), 3u);
  EXPECT_EQ(std::memcmp(text, "a\0b", 4), 0);
}

TEST(Format, WidthAndPrecisionFromArguments) {
  expect_as_printf("%*d|", 6, 42);
  expect_as_printf("%*d|", -6, 42);  // as the flag -
  expect_as_printf("%.*s|", 3, "abcdef");
  expect_as_printf("%.*s|", -1, "abcdef");  // as none
  expect_as_printf("%-*.*x|", 9, 4, 0xabu);
}

TEST(Format, TextOfGivenLengthNeedsNoNul) {
  const std::vector<char> letters = {'a', 'b', 'c'};  // a read beyond them is the sanitizer's to find
  EXPECT_EQ(formatted("%.*s", 3, letters.data()), "abc");
}

TEST(Format, PointersAndNullText) {
  // SAFETY: only printed.
  EXPECT_EQ(formatted("%p", reinterpret_cast<void*>(std::uintptr_t{0xffff800000001000})), "0xffff800000001000");
  EXPECT_EQ(formatted("%s", static_cast<const char*>(nullptr)), "(null)");
}

TEST(Format, UnknownConversionsAreShown) {
  EXPECT_EQ(formatted("%y"), "%y");
  EXPECT_EQ(formatted("end%"), "end%");
}

TEST(Format, NothingIsWrittenBeyondTheBuffer) {
  for (std::size_t size = 0; size <= 8; ++size) {
    std::vector<char> text(size);  // exactly sized, for the sanitizer
    EXPECT_EQ(format_to(text.data(), size, "%d-%s", 123, "xy"), 6u) << size;
    if (size == 0) continue;
    EXPECT_EQ(std::string(text.data()), std::string("123-xy").substr(0, size - 1));
  }
}

TEST(TextBuffer, GrowsPieceByPieceAndSaysWhatWasCut) {
  TextBuffer<8> buffer;
  buffer.append("%d", 12);
  buffer.append("-%s", "345");
  EXPECT_EQ(buffer.view(), "12-345");
  EXPECT_FALSE(buffer.truncated());
  buffer.append("6");
  EXPECT_EQ(buffer.view(), "12-3456");  // full: the last place is NUL's
  EXPECT_FALSE(buffer.truncated());
  buffer.append("7");
  EXPECT_EQ(buffer.view(), "12-3456");
  EXPECT_TRUE(buffer.truncated());
  EXPECT_STREQ(buffer.c_str(), "12-3456");
}

}  // namespace
}  // namespace mokapot
