// SPDX-License-Identifier: Apache-2.0
// sources: launcher/support/gzip.cc
// libs: -lz
#include "support/gzip.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

std::string sample() {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i % 977);
  return text;
}

TEST(Gzip, GivesBackWhatItWasGivenAndTheSameBytesEachTime) {
  const std::string text = sample();
  const std::string compressed = gzip(text);
  EXPECT_LT(compressed.size(), text.size() / 4);
  EXPECT_EQ(compressed, gzip(text));
  EXPECT_EQ(gunzip(compressed, text.size()).value(), text);
  EXPECT_EQ(gunzip(gzip(""), 0).value(), "");
}

TEST(Gzip, LeavesWhatIsNotCompressedAlone) {
  EXPECT_EQ(gunzip("plain", 10).value(), "plain");
  EXPECT_EQ(gunzip("", 10).value(), "");
}

TEST(Gzip, RefusesWhatIsDamagedCutShortOrTooLarge) {
  const std::string text = sample();
  const std::string compressed = gzip(text);
  EXPECT_FALSE(gunzip(compressed, text.size() - 1));
  EXPECT_FALSE(gunzip(compressed.substr(0, compressed.size() / 2), text.size()));
  std::string damaged = compressed;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  EXPECT_FALSE(gunzip(damaged, text.size()));
}

}  // namespace
}  // namespace moka
