// SPDX-License-Identifier: Apache-2.0
//
// The private line to the guest's kernel: lines of ASCII both ways (contract/vm_contract.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moka {

class ControlChannel {
 public:
  // `fd` is non-blocking and borrowed.
  explicit ControlChannel(int fd) : fd_(fd) {}

  // Queues a line and sends what the guest takes now.
  void send(std::string_view line);
  void flush();
  bool wants_to_write() const { return !unsent_.empty(); }

  struct Line {
    std::string verb;
    std::string rest;  // behind the blank
  };
  // The lines that have come; `is_open` becomes false once the other end is closed.
  std::vector<Line> read_lines(bool& is_open);

 private:
  int fd_;
  std::string unsent_;
  std::string unread_;
};

}  // namespace moka
