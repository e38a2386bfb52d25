// SPDX-License-Identifier: Apache-2.0
//
// The kernel's voice on the serial port: the last of it is kept for the day that it is needed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moka {

class SerialLog {
 public:
  static constexpr std::size_t kKeptBytes = 64 * 1024;

  void append(std::string_view text);

  // What follows the panic prefix on the first panic line; "" without a panic.
  std::string panic() const;
  // The last `count` whole or started lines, printable characters only, each ended by '\n'. After a
  // panic, or an answer to an NMI, all from its first line on if that is more.
  std::string last_lines(std::size_t count) const;
  bool is_empty() const { return text_.empty(); }

 private:
  std::string text_;
};

}  // namespace moka
