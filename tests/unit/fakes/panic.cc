// SPDX-License-Identifier: Apache-2.0
//
// A panic on the host: the message on stderr and an abort, for GoogleTest's death tests.

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "base/assert.h"

namespace mokapot {

void panic(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fputs("panic: ", stderr);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  va_end(arguments);
  std::abort();
}

}  // namespace mokapot
