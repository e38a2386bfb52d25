// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"

#include <cstdint>

namespace mokapot {
namespace {

// Collects characters; counts those that no longer fit.
class Output {
 public:
  Output(char* buffer, std::size_t size) : buffer_(buffer), size_(size) {}
  void put(char c) {
    if (length_ + 1 < size_) buffer_[length_] = c;
    ++length_;
  }
  void fill(char c, std::int64_t count) {
    for (; count > 0; --count) put(c);
  }
  void put(const char* text, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) put(text[i]);
  }
  std::size_t finish() {
    if (size_ > 0) buffer_[length_ < size_ ? length_ : size_ - 1] = '\0';
    return length_;
  }

 private:
  char* buffer_;
  std::size_t size_;
  std::size_t length_ = 0;
};

struct Specification {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  int width = 0;
  int precision = -1;
  int length = 0;  // -2 hh, -1 h, 0 int, 1 l, 2 ll/z/j/t
  char conversion = 0;
};

Specification parse(const char*& p, va_list arguments) {
  Specification s;
  for (;; ++p) {
    if (*p == '-') s.left = true;
    else if (*p == '0') s.zero = true;
    else if (*p == '+') s.plus = true;
    else if (*p == ' ') s.space = true;
    else if (*p == '#') s.alternate = true;
    else break;
  }
  if (*p == '*') {
    s.width = va_arg(arguments, int);
    if (s.width < 0) { s.left = true; s.width = -s.width; }
    ++p;
  } else {
    while (*p >= '0' && *p <= '9') s.width = s.width * 10 + (*p++ - '0');
  }
  if (*p == '.') {
    ++p;
    s.precision = 0;
    if (*p == '*') {
      s.precision = va_arg(arguments, int);
      ++p;
    } else {
      while (*p >= '0' && *p <= '9') s.precision = s.precision * 10 + (*p++ - '0');
    }
  }
  for (;; ++p) {
    if (*p == 'h') --s.length;
    else if (*p == 'l') ++s.length;
    else if (*p == 'z' || *p == 'j' || *p == 't') s.length = 2;
    else break;
  }
  s.conversion = *p;
  if (*p != '\0') ++p;
  return s;
}

void put_number(Output& out, const Specification& s, std::uint64_t magnitude, bool negative) {
  const unsigned base = s.conversion == 'o' ? 8 : (s.conversion == 'x' || s.conversion == 'X') ? 16 : 10;
  const char* digits = s.conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  char reversed[24];
  int count = 0;
  for (std::uint64_t rest = magnitude; rest != 0; rest /= base) reversed[count++] = digits[rest % base];
  if (count == 0 && s.precision != 0) reversed[count++] = '0';

  char prefix[3];
  int prefix_length = 0;
  const bool has_sign = s.conversion == 'd' || s.conversion == 'i';
  if (negative) prefix[prefix_length++] = '-';
  else if (has_sign && s.plus) prefix[prefix_length++] = '+';
  else if (has_sign && s.space) prefix[prefix_length++] = ' ';
  if (s.alternate && base == 16 && magnitude != 0) {
    prefix[prefix_length++] = '0';
    prefix[prefix_length++] = s.conversion;
  }
  int zeros = s.precision > count ? s.precision - count : 0;
  if (s.zero && !s.left && s.precision < 0 && s.width > count + prefix_length)
    zeros = s.width - count - prefix_length;
  // Octal's mark is a leading zero, which padding may have brought already.
  if (s.alternate && base == 8 && zeros == 0 && (magnitude != 0 || count == 0)) zeros = 1;
  const int padding = s.width - count - prefix_length - zeros;
  if (!s.left) out.fill(' ', padding);
  out.put(prefix, static_cast<std::size_t>(prefix_length));
  out.fill('0', zeros);
  while (count > 0) out.put(reversed[--count]);
  if (s.left) out.fill(' ', padding);
}

void put_padded(Output& out, const Specification& s, const char* text, std::size_t length) {
  const std::int64_t padding = s.width - static_cast<std::int64_t>(length);
  if (!s.left) out.fill(' ', padding);
  out.put(text, length);
  if (s.left) out.fill(' ', padding);
}

void put_text(Output& out, const Specification& s, const char* text) {
  if (text == nullptr) text = "(null)";
  std::size_t length = 0;
  const std::size_t most = s.precision < 0 ? SIZE_MAX : static_cast<std::size_t>(s.precision);
  while (length < most && text[length] != '\0') ++length;
  put_padded(out, s, text, length);
}

std::int64_t signed_argument(const Specification& s, va_list arguments) {
  switch (s.length) {
    case -2: return static_cast<signed char>(va_arg(arguments, int));
    case -1: return static_cast<short>(va_arg(arguments, int));
    case 0: return va_arg(arguments, int);
    default: return va_arg(arguments, long);
  }
}
std::uint64_t unsigned_argument(const Specification& s, va_list arguments) {
  switch (s.length) {
    case -2: return static_cast<unsigned char>(va_arg(arguments, unsigned));
    case -1: return static_cast<unsigned short>(va_arg(arguments, unsigned));
    case 0: return va_arg(arguments, unsigned);
    default: return va_arg(arguments, unsigned long);
  }
}

}  // namespace

std::size_t format_to_v(char* buffer, std::size_t size, const char* format, va_list caller_arguments) {
  Output out(buffer, size);
  va_list arguments;
  va_copy(arguments, caller_arguments);
  for (const char* p = format; *p != '\0';) {
    if (*p != '%') {
      out.put(*p++);
      continue;
    }
    ++p;
    Specification s = parse(p, arguments);
    switch (s.conversion) {
      case 'd':
      case 'i': {
        const std::int64_t value = signed_argument(s, arguments);
        const auto bits = static_cast<std::uint64_t>(value);
        put_number(out, s, value < 0 ? 0 - bits : bits, value < 0);
        break;
      }
      case 'u':
      case 'x':
      case 'X':
      case 'o': put_number(out, s, unsigned_argument(s, arguments), false); break;
      case 'p':
        s.conversion = 'x';
        s.alternate = true;
        // SAFETY: a pointer's bits as a number.
        put_number(out, s, reinterpret_cast<std::uintptr_t>(va_arg(arguments, void*)), false);
        break;
      case 'c': {
        const char c = static_cast<char>(va_arg(arguments, int));
        put_padded(out, s, &c, 1);  // NUL is a character too
        break;
      }
      case 's': put_text(out, s, va_arg(arguments, const char*)); break;
      case '%': out.put('%'); break;
      default:  // unknown: shown as it stands
        out.put('%');
        if (s.conversion != '\0') out.put(s.conversion);
    }
  }
  va_end(arguments);
  return out.finish();
}

std::size_t format_to(char* buffer, std::size_t size, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const std::size_t length = format_to_v(buffer, size, format, arguments);
  va_end(arguments);
  return length;
}

}  // namespace mokapot
