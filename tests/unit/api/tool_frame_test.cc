// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/api/tool_frame.cc

#include "api/tool_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace mokapot {
namespace {

std::string frame(std::uint32_t stream, std::uint16_t type, const std::string& payload) {
  const contract::ToolFrame header{stream, type, static_cast<std::uint16_t>(payload.size())};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes + payload;
}

// All frames that come out of `bytes`, given in pieces of a size.
std::vector<std::string> assembled(const std::string& bytes, std::size_t piece, bool& broken) {
  ToolFrameAssembler assembler;
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::span<const char> rest(bytes.data() + at, std::min(piece, bytes.size() - at));
    while (const auto found = assembler.take(rest))
      frames.push_back(frame(found->header.stream, found->header.type, std::string(found->payload)));
    EXPECT_TRUE(rest.empty());
  }
  broken = assembler.broken();
  return frames;
}

TEST(ToolFrameAssembler, FramesAreTheSameHoweverTheyCome) {
  const std::vector<std::string> sent = {frame(1, contract::kToolOpen, "attach\0"), frame(2, contract::kToolClose, ""),
                                         frame(3, contract::kToolWindow, std::string(contract::kToolFrameLimit, 'w'))};
  for (const std::size_t piece : {1u, 3u, 8u, 9u, 256u, 10000u}) {
    bool broken = true;
    EXPECT_EQ(assembled(sent[0] + sent[1] + sent[2], piece, broken), sent) << piece;
    EXPECT_FALSE(broken);
  }
}

TEST(ToolFrameAssembler, ATooLargeFrameEndsItAll) {
  std::string wrong = frame(1, contract::kToolOpen, "");
  wrong[6] = '\x01';
  wrong[7] = '\x10';  // 4097
  bool broken = false;
  EXPECT_EQ(assembled(frame(5, 1, "x") + wrong + frame(6, 1, "y"), 7, broken).size(), 1u);
  EXPECT_TRUE(broken);
}

TEST(ToolWords, AreEndedByNulEach) {
  ToolWords<3> words;
  ASSERT_TRUE(words.parse(std::string_view("a\0\0bc\0", 6)));
  EXPECT_EQ(words.count, 3u);
  EXPECT_EQ(words.words[1], "");
  EXPECT_EQ(words.words[2], "bc");
  EXPECT_FALSE(words.parse(""));
  EXPECT_FALSE(words.parse("no end"));
  EXPECT_FALSE(words.parse(std::string_view("a\0b\0c\0d\0", 8)));
}

}  // namespace
}  // namespace mokapot
