// SPDX-License-Identifier: Apache-2.0
#include "qemu/monitor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace moka {
namespace {

// QMP answers are short; a line longer than this is not QMP.
constexpr std::size_t kLongestLine = 1u << 20;

}  // namespace

Monitor::Monitor(int fd) : fd_(fd) { send("qmp_capabilities"); }

void Monitor::send(std::string_view command) {
  const std::string line = "{\"execute\":\"" + std::string(command) + "\"}\n";
  // Commands are few and short: a full socket means that QEMU is stuck, and then none would help.
  (void)::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

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

void Monitor::take_line(std::string_view line) {
  const nlohmann::json message = nlohmann::json::parse(line, nullptr, false);
  if (!message.is_object() || message.value("event", nlohmann::json()) != "SHUTDOWN") return;
  const auto data = message.find("data");
  if (data == message.end() || !data->is_object()) return;
  const auto reason = data->find("reason");
  if (reason != data->end() && reason->is_string()) stop_reason_ = reason->get<std::string>();
}

}  // namespace moka
