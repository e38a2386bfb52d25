// SPDX-License-Identifier: Apache-2.0
//
// What lwIP asks of the machine (include/arch/cc.h): time, memory, randomness, sums, assertions.
#include <cstring>

#include "base/assert.h"
#include "base/format.h"
#include "device/random.h"
#include "memory/heap.h"
#include "net/checksum.h"
#include "net/stack.h"
#include "time/clock.h"
#include "trace/log.h"

#include "lwip/sys.h"

using namespace mokapot;

extern "C" {

constinit std::uint32_t mokapot_tcp_receive_window = 256 * 1024;
constinit std::uint32_t mokapot_tcp_send_buffer = 256 * 1024;

u32_t sys_now() { return static_cast<u32_t>(now().nanoseconds() / 1'000'000); }

std::uint32_t mokapot_lwip_random() {
  std::uint32_t value = 0;
  random_bytes(&value, sizeof(value));
  return value;
}

void mokapot_lwip_assertion_failed(const char* what, const char* file, int line) {
  panic("lwIP: %s (%s:%d)", what, file, line);
}

void mokapot_lwip_diagnostic(const char* format, ...) {
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  format_to_v(text, sizeof(text), format, arguments);
  va_end(arguments);
  LOG_INFO("lwIP: %s", text);
}

void* mokapot_lwip_allocate(std::size_t size) { return heap_allocate(size); }

void* mokapot_lwip_allocate_zeroed(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* memory = heap_allocate(bytes);
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return memory;
}

void mokapot_lwip_free(void* memory) { heap_free(memory); }

std::uint16_t mokapot_lwip_checksum(const void* bytes, int size) {
  return internet_sum(bytes, static_cast<std::size_t>(size));
}

void mokapot_lwip_assert_core_locked() { ASSERT(net_core_lock().held_by_current_thread()); }

}  // extern "C"
