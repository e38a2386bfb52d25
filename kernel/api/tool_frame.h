// SPDX-License-Identifier: Apache-2.0
//
// Frames from the host on the tools port (contract/vm_contract.h): outside data. Plain functions over bytes; any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "contract/vm_contract.h"

namespace mokapot {

// Puts frames together from pieces of a stream of bytes. A header that promises too much leaves no way to find the next
// frame: from then on everything is refused.
class ToolFrameAssembler {
 public:
  struct Frame {
    contract::ToolFrame header;
    std::string_view payload;
  };
  // Takes bytes off the front of `bytes`; returns a frame when they completed one, which is valid until the next call.
  std::optional<Frame> take(std::span<const char>& bytes);
  bool broken() const { return broken_; }

 private:
  char bytes_[sizeof(contract::ToolFrame) + contract::kToolFrameLimit] = {};
  std::size_t size_ = 0;
  bool complete_ = false;
  bool broken_ = false;
};

// The words of a question, each ended by NUL. False: more than `most`, or the last one has no end.
template <std::size_t most>
struct ToolWords {
  std::string_view words[most];
  std::size_t count = 0;

  bool parse(std::string_view text) {
    count = 0;
    while (!text.empty()) {
      const std::size_t end = text.find('\0');
      if (end == std::string_view::npos || count == most) return false;
      words[count++] = text.substr(0, end);
      text.remove_prefix(end + 1);
    }
    return count != 0;
  }
};

}  // namespace mokapot
