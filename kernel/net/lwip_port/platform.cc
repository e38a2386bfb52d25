// SPDX-License-Identifier: Apache-2.0
//
// What lwIP asks of the machine (include/arch/cc.h): time, memory, randomness, assertions.
#include <cstring>

#include "base/assert.h"
#include "base/format.h"
#include "device/random.h"
#include "memory/heap.h"
#include "net/checksum.h"
#include "net/keyed_hash.h"
#include "net/lwip_port/include/lwip_hooks.h"
#include "net/stack.h"
#include "time/clock.h"
#include "trace/log.h"

#include "lwip/sys.h"

namespace mokapot {
namespace {

// RFC 6528: the clock of sequence numbers ticks every four microseconds.
constexpr std::int64_t kSequenceTickNanoseconds = 4000;

struct Connection {
  ip_addr_t local, remote;
  std::uint16_t local_port, remote_port;
};

const HashKey& sequence_key() REQUIRES(net_core_lock()) {
  static constinit HashKey key;
  static constinit bool made = false;
  if (!made) random_bytes(&key, sizeof(key));
  made = true;
  return key;
}

}  // namespace
}  // namespace mokapot

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

u32_t mokapot_tcp_isn(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port)
    NO_THREAD_SAFETY_ANALYSIS {
  Connection connection;
  std::memset(&connection, 0, sizeof(connection));  // padding is hashed too
  connection.local = *local;
  connection.remote = *remote;
  connection.local_port = local_port;
  connection.remote_port = remote_port;
  const auto clock = static_cast<std::uint64_t>(now().nanoseconds() / kSequenceTickNanoseconds);
  return static_cast<u32_t>(keyed_hash(sequence_key(), &connection, sizeof(connection)) + clock);
}

}  // extern "C"
