// SPDX-License-Identifier: Apache-2.0
//
// What lwIP asks of the machine (kernel/net/lwip_port/include/arch/cc.h), on the host: the C library's memory, a
// fixed sequence of numbers, and no core lock, since tests have one thread.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/assert.h"
#include "fakes/heap.h"

namespace {
std::size_t largest_block = SIZE_MAX;
}  // namespace

void mokapot::fake::limit_lwip_blocks(std::size_t largest) { largest_block = largest; }

// The declarations are lwIP's side of the bargain; here only the names matter.
#pragma GCC diagnostic ignored "-Wmissing-declarations"

extern "C" {

std::uint32_t mokapot_lwip_random() {
  static std::uint32_t state = 1;
  state = state * 1664525 + 1013904223;
  return state;
}
[[noreturn]] void mokapot_lwip_assertion_failed(const char* what, const char* file, int line) {
  mokapot::panic("lwIP: %s (%s:%d)", what, file, line);
}
void mokapot_lwip_diagnostic(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
}
void* mokapot_lwip_allocate(std::size_t size) { return size <= largest_block ? std::malloc(size) : nullptr; }
void* mokapot_lwip_allocate_zeroed(std::size_t count, std::size_t size) { return std::calloc(count, size); }
void mokapot_lwip_free(void* memory) { std::free(memory); }
void mokapot_lwip_assert_core_locked() {}

}  // extern "C"
