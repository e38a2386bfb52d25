// SPDX-License-Identifier: Apache-2.0
//
// ASSERT is always on and guards invariants of the kernel itself; DASSERT is for costly ones and
// debug builds. Neither ever tests what came from outside: that is an error value.
#pragma once

namespace mokapot {

// Prints the message and a symbolised backtrace and ends the VM with a non-zero status. Any context.
[[noreturn]] void panic(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace mokapot

#define ASSERT(condition)                                                                      \
  do {                                                                                         \
    if (!(condition)) [[unlikely]]                                                             \
      ::mokapot::panic("assertion failed: %s (%s:%d)", #condition, __FILE_NAME__, __LINE__);   \
  } while (false)

#ifdef MOKAPOT_DEBUG
#define DASSERT(condition) ASSERT(condition)
#else
#define DASSERT(condition) ((void)sizeof(condition))
#endif
