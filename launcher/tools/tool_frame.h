// SPDX-License-Identifier: Apache-2.0
//
// The frames of the tools port (contract/vm_contract.h), which also go over the socket between a
// tool and the `moka run` that it asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/vm_contract.h"

namespace moka {

struct ToolFrame {
  std::uint32_t stream = 0;
  std::uint16_t type = 0;
  std::string payload;
};

// `payload`: at most mokapot::contract::kToolFrameLimit bytes.
std::string encode_frame(std::uint32_t stream, std::uint16_t type, std::string_view payload);
std::string encode_window(std::uint32_t stream, std::uint32_t bytes);
// Words, each ended by NUL; "" where they are too long for a frame or one holds a NUL.
std::string encode_words(const std::vector<std::string>& words);

// Puts frames together from pieces of a stream of bytes: outside data, on both sides.
class FrameReader {
 public:
  void append(std::string_view bytes) { bytes_ += bytes; }
  std::optional<ToolFrame> take();
  // A header promised too much: nothing after it can be found.
  bool is_broken() const { return is_broken_; }

 private:
  std::string bytes_;
  bool is_broken_ = false;
};

}  // namespace moka
