// SPDX-License-Identifier: Apache-2.0
#include "tools/tool_frame.h"

#include <cstring>

namespace moka {

namespace contract = mokapot::contract;

std::string encode_frame(std::uint32_t stream, std::uint16_t type, std::string_view payload) {
  const contract::ToolFrame header{stream, type, static_cast<std::uint16_t>(payload.size())};
  std::string frame(sizeof header + payload.size(), '\0');
  std::memcpy(frame.data(), &header, sizeof header);
  payload.copy(frame.data() + sizeof header, payload.size());
  return frame;
}

std::string encode_window(std::uint32_t stream, std::uint32_t bytes) {
  char number[sizeof bytes];
  std::memcpy(number, &bytes, sizeof bytes);
  return encode_frame(stream, contract::kToolWindow, {number, sizeof number});
}

std::string encode_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (word.find('\0') != std::string::npos) return {};
    text.append(word.c_str(), word.size() + 1);
  }
  return text.size() > contract::kToolFrameLimit ? std::string() : text;
}

std::optional<ToolFrame> FrameReader::take() {
  contract::ToolFrame header{};
  if (is_broken_ || bytes_.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.size > contract::kToolFrameLimit) {
    is_broken_ = true;
    bytes_.clear();
    return std::nullopt;
  }
  if (bytes_.size() < sizeof header + header.size) return std::nullopt;
  ToolFrame frame{header.stream, header.type, bytes_.substr(sizeof header, header.size)};
  bytes_.erase(0, sizeof header + header.size);
  return frame;
}

}  // namespace moka
