// SPDX-License-Identifier: Apache-2.0
//
// The kernel's log on the host: kept for tests to look at (fakes/log.h), and on stderr where
// MOKAPOT_TEST_LOG is set.

#include "fakes/log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "trace/log.h"

namespace mokapot {
namespace fake {

std::vector<std::string>& log_lines() {
  static std::vector<std::string> lines;
  return lines;
}

}  // namespace fake

void log(LogLevel, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  fake::log_lines().emplace_back(line);
  if (std::getenv("MOKAPOT_TEST_LOG") != nullptr) std::fprintf(stderr, "log: %s\n", line);
}

void set_log_sink(LogSink, LogLevel) {}

void for_each_log_line(LogSink sink) {
  for (const std::string& line : fake::log_lines()) sink(line);
}

}  // namespace mokapot
