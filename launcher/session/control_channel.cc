// SPDX-License-Identifier: Apache-2.0
#include "session/control_channel.h"

#include <sys/socket.h>

#include <cerrno>

#include "support/files.h"

namespace moka {
namespace {

// A guest that fills its line without an end, or never takes ours, costs no more than this.
constexpr std::size_t kLongestLine = 64 * 1024;
constexpr std::size_t kMostUnsent = 256 * 1024;

}  // namespace

void ControlChannel::send(std::string_view line) {
  if (unsent_.size() + line.size() < kMostUnsent) {
    unsent_ += line;
    unsent_ += '\n';
  }
  flush();
}

void ControlChannel::flush() { send_what_fits(fd_, unsent_); }

std::vector<ControlChannel::Line> ControlChannel::read_lines(bool& is_open) {
  std::vector<Line> lines;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      is_open = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      return lines;
    }
    unread_.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
      const std::string_view line = trim(std::string_view(unread_).substr(0, end));
      const std::size_t blank = line.find(' ');
      lines.push_back({std::string(line.substr(0, blank)),
                       blank == std::string_view::npos ? "" : std::string(line.substr(blank + 1))});
      unread_.erase(0, end + 1);
    }
    if (unread_.size() > kLongestLine) unread_.clear();
  }
}

}  // namespace moka
