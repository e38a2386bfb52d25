// SPDX-License-Identifier: Apache-2.0
#include "api/tool_frame.h"

#include <algorithm>
#include <cstring>

namespace mokapot {

std::optional<ToolFrameAssembler::Frame> ToolFrameAssembler::take(std::span<const char>& bytes) {
  constexpr std::size_t kHeader = sizeof(contract::ToolFrame);
  if (complete_) size_ = 0;
  complete_ = false;
  contract::ToolFrame header{};
  while (!broken_) {
    std::size_t wanted = kHeader;
    if (size_ >= kHeader) {
      std::memcpy(&header, bytes_, kHeader);
      broken_ = header.size > contract::kToolFrameLimit;
      if (broken_) break;
      wanted += header.size;
      if (size_ == wanted) {
        complete_ = true;
        return Frame{header, std::string_view(bytes_ + kHeader, header.size)};
      }
    }
    if (bytes.empty()) return std::nullopt;
    const std::size_t count = std::min(wanted - size_, bytes.size());
    std::memcpy(bytes_ + size_, bytes.data(), count);
    size_ += count;
    bytes = bytes.subspan(count);
  }
  bytes = {};
  return std::nullopt;
}

}  // namespace mokapot
