// SPDX-License-Identifier: Apache-2.0
//
// The far end of a Monitor: takes its commands and answers as QEMU does.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "qemu/monitor.h"

namespace moka::test {

class FakeQemu {
 public:
  FakeQemu() {
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_));
    monitor_.emplace(ends_[0]);
    (void)next_line();  // qmp_capabilities
  }
  ~FakeQemu() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  Monitor& monitor() { return *monitor_; }

  // The next command for the human monitor, "" where none has come.
  std::string next_command() {
    const std::string line = next_line();
    if (line.empty()) return "";
    const auto message = nlohmann::json::parse(line);
    EXPECT_EQ(message["execute"], "human-monitor-command");
    last_id_ = message["id"];
    return message["arguments"]["command-line"];
  }

  // Answers the last command that was taken.
  void answer(const std::string& text) {
    say(nlohmann::json({{"return", text}, {"id", last_id_}}).dump());
  }
  void refuse(const std::string& text) {
    say(nlohmann::json({{"error", {{"class", "GenericError"}, {"desc", text}}}, {"id", last_id_}})
            .dump());
  }
  void say(std::string line) {
    line += "\r\n";
    EXPECT_EQ(static_cast<ssize_t>(line.size()), ::write(ends_[1], line.data(), line.size()));
    EXPECT_TRUE(monitor_->read_events());
  }

 private:
  std::string next_line() {
    char bytes[4096];
    ssize_t count;
    while ((count = ::read(ends_[1], bytes, sizeof bytes)) > 0)
      unread_.append(bytes, static_cast<std::size_t>(count));
    const std::size_t end = unread_.find('\n');
    if (end == std::string::npos) return "";
    std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return line;
  }

  int ends_[2];
  std::optional<Monitor> monitor_;
  std::string unread_;
  std::uint64_t last_id_ = 0;
};

}  // namespace moka::test
