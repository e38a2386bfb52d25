// SPDX-License-Identifier: Apache-2.0
//
// What the compiler, libstdc++'s header-only parts and Boost expect to link against. Kernel only: host tests have
// a C library. memcpy and its kin are in arch.
#include <cstddef>

#include "base/assert.h"

extern "C" {

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}
std::size_t strnlen(const char* text, std::size_t most) {
  std::size_t length = 0;
  while (length < most && text[length] != '\0') ++length;
  return length;
}
int strcmp(const char* a, const char* b) {
  for (; *a != '\0' && *a == *b; ++a, ++b) {}
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}
int strncmp(const char* a, const char* b, std::size_t most) {
  for (; most > 0; --most, ++a, ++b) {
    if (*a != *b || *a == '\0') return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
  }
  return 0;
}
char* strcpy(char* to, const char* from) {
  char* out = to;
  while ((*out++ = *from++) != '\0') {}
  return to;
}
char* strncpy(char* to, const char* from, std::size_t size) {
  std::size_t i = 0;
  for (; i < size && from[i] != '\0'; ++i) to[i] = from[i];
  for (; i < size; ++i) to[i] = '\0';
  return to;
}
void* memchr(const void* memory, int value, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(memory);
  for (std::size_t i = 0; i < size; ++i)
    if (bytes[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(bytes + i);
  return nullptr;
}
[[noreturn]] void __assert_fail(const char* condition, const char* file, unsigned line, const char*) {
  mokapot::panic("library assertion failed: %s (%s:%u)", condition, file, line);
}
// A function found its frame's canary changed: something wrote past the end of an array on the stack.
[[noreturn]] void __stack_chk_fail() { mokapot::panic("a kernel stack was written past an array's end"); }
[[noreturn]] void __cxa_pure_virtual() { mokapot::panic("pure virtual function called"); }

}  // extern "C"

namespace std {

// Bounds errors of string_view and span users: the kernel checks before it calls, so these are bugs.
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...);
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...) { mokapot::panic("out of range: %s", format); }
[[noreturn]] void __throw_bad_optional_access();
[[noreturn]] void __throw_bad_optional_access() { mokapot::panic("empty optional"); }

}  // namespace std
