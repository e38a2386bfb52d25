// SPDX-License-Identifier: Apache-2.0
#include "trace/log.h"

#include <atomic>
#include <cstdarg>
#include <cstdint>

#include "base/format.h"

namespace mokapot {
namespace {

inline constexpr std::size_t kLines = 512;
inline constexpr std::size_t kLineLength = 188;

struct Line {
  std::atomic<std::uint32_t> ticket{0};  // 1 + the ticket of the line it holds, released last
  std::uint8_t length = 0;
  char text[kLineLength + 1] = {};
};

constinit Line ring[kLines];
constinit std::atomic<std::uint32_t> next_ticket{0};
constinit std::atomic<LogSink> current_sink{nullptr};
constinit std::atomic<LogLevel> sink_threshold{LogLevel::kError};

}  // namespace

void log(LogLevel level, const char* format, ...) {
  // Relaxed: the ticket only makes slots distinct; ticket's release below publishes the text.
  const std::uint32_t ticket = next_ticket.fetch_add(1, std::memory_order_relaxed);
  Line& line = ring[ticket % kLines];
  line.ticket.store(0, std::memory_order_relaxed);
  va_list arguments;
  va_start(arguments, format);
  const std::size_t wanted = format_to_v(line.text, sizeof(line.text), format, arguments);
  va_end(arguments);
  line.length = static_cast<std::uint8_t>(wanted < kLineLength ? wanted : kLineLength);
  line.ticket.store(ticket + 1, std::memory_order_release);

  LogSink sink = current_sink.load(std::memory_order_acquire);
  if (sink != nullptr && level >= sink_threshold.load(std::memory_order_relaxed))
    sink({line.text, line.length});
}

void set_log_sink(LogSink sink, LogLevel threshold) {
  sink_threshold.store(threshold, std::memory_order_relaxed);
  current_sink.store(sink, std::memory_order_release);
}

void for_each_log_line(LogSink sink) {
  const std::uint32_t end = next_ticket.load(std::memory_order_acquire);
  const std::uint32_t begin = end > kLines ? end - kLines : 0;
  for (std::uint32_t ticket = begin; ticket != end; ++ticket) {
    const Line& line = ring[ticket % kLines];
    if (line.ticket.load(std::memory_order_acquire) == ticket + 1) sink({line.text, line.length});
  }
}

}  // namespace mokapot
