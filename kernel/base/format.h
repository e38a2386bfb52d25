// SPDX-License-Identifier: Apache-2.0
//
// printf-style formatting into a buffer, without allocation. Understands %d %i %u %x %X %o %c %s %p %%,
// the flags - 0 + # and space, width, precision (also *), and the lengths hh h l ll z j t. No floating
// point. Any context.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <string_view>

namespace mokapot {

// Writes at most size - 1 characters and a NUL; returns the length that the whole text has.
std::size_t format_to(char* buffer, std::size_t size, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
std::size_t format_to_v(char* buffer, std::size_t size, const char* format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

// Text built up piece by piece in a fixed buffer; what does not fit is dropped and truncated() says so.
template <std::size_t kSize>
class TextBuffer {
 public:
  __attribute__((format(printf, 2, 3))) void append(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::size_t room = kSize - length_;
    const std::size_t wanted = format_to_v(text_ + length_, room, format, arguments);
    va_end(arguments);
    truncated_ |= wanted >= room;
    length_ += wanted < room ? wanted : room - 1;
  }
  std::string_view view() const { return {text_, length_}; }
  const char* c_str() const { return text_; }
  bool truncated() const { return truncated_; }

 private:
  char text_[kSize] = {};
  std::size_t length_ = 0;
  bool truncated_ = false;
};

}  // namespace mokapot
