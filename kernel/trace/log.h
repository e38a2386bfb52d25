// SPDX-License-Identifier: Apache-2.0
//
// The kernel's log: a ring in memory, readable after a panic, and sinks (the serial port) that boot
// registers. Lock: none; writers take a slot by an atomic ticket, so any context may log, NMI included.
#pragma once

#include <cstddef>
#include <string_view>

namespace mokapot {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError };

void log(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));
#define LOG_DEBUG(...) ::mokapot::log(::mokapot::LogLevel::kDebug, __VA_ARGS__)
#define LOG_INFO(...) ::mokapot::log(::mokapot::LogLevel::kInfo, __VA_ARGS__)
#define LOG_WARNING(...) ::mokapot::log(::mokapot::LogLevel::kWarning, __VA_ARGS__)
#define LOG_ERROR(...) ::mokapot::log(::mokapot::LogLevel::kError, __VA_ARGS__)

// A sink gets whole lines. It runs in the context of the logger and must not block, fault or log.
using LogSink = void (*)(std::string_view line);
void set_log_sink(LogSink sink, LogLevel threshold);

// Calls sink for each line still in the ring, oldest first. For panics and the tools.
void for_each_log_line(LogSink sink);

}  // namespace mokapot
