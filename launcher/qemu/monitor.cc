// SPDX-License-Identifier: Apache-2.0
#include "qemu/monitor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/files.h"
#include "support/json.h"

namespace moka {
namespace {

using nlohmann::json;

// QMP answers are short; a line longer than this is not QMP.
constexpr std::size_t kLongestLine = 1u << 20;
// So much unread means that QEMU is stuck, and then no command helps.
constexpr std::size_t kMostUnsent = 1u << 20;

}  // namespace

Monitor::Monitor(int fd) : fd_(fd) { execute("qmp_capabilities"); }

void Monitor::execute(std::string_view command) {
  send("{\"execute\":\"" + std::string(command) + "\"}\n");
}

std::uint64_t Monitor::ask_human_monitor(std::string_view command) {
  const json message = {{"execute", "human-monitor-command"},
                        {"arguments", {{"command-line", command}}},
                        {"id", ++last_number_}};
  send(json_text(message) + "\n");
  return last_number_;
}

void Monitor::send(std::string_view line) {
  if (unsent_.size() + line.size() < kMostUnsent) unsent_ += line;
  flush();
}

void Monitor::flush() { send_what_fits(fd_, unsent_); }

bool Monitor::read_events() {
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (count == 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
      take_line(std::string_view(unread_).substr(0, end));
      unread_.erase(0, end + 1);
    }
    if (unread_.size() > kLongestLine) unread_.clear();
  }
}

std::vector<Monitor::Reply> Monitor::take_replies() { return std::exchange(replies_, {}); }

void Monitor::take_line(std::string_view line) {
  const json message = parse_json<json>(line);
  if (!message.is_object()) return;
  if (text_in(message, "event") == "SHUTDOWN") {
    const auto data = message.find("data");
    if (data != message.end() && data->is_object())
      if (std::string reason = text_in(*data, "reason"); !reason.empty())
        stop_reason_ = std::move(reason);
    return;
  }
  // The event does not say whether it was our own doing or an error that QEMU cannot go on from.
  if (text_in(message, "event") == "RESUME") is_paused_ = false;
  if (text_in(message, "event") == "STOP") {
    is_paused_ = true;
    return execute("query-status");
  }
  if (const auto answer = message.find("return"); answer != message.end() && answer->is_object())
    if (text_in(*answer, "status") == kInternalError) stop_reason_ = kInternalError;
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_unsigned()) return;
  if (const auto error = message.find("error"); error != message.end()) {
    std::string text = error->is_object() ? text_in(*error, "desc") : "";
    replies_.push_back({id->get<std::uint64_t>(), text.empty() ? "refused" : std::move(text)});
  } else if (message.contains("return")) {
    replies_.push_back({id->get<std::uint64_t>(), text_in(message, "return")});
  }
}

}  // namespace moka
