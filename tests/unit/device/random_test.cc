// SPDX-License-Identifier: Apache-2.0
// sources: kernel/device/random.cc kernel/device/chacha20.cc

#include "device/random.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>
#include <vector>

namespace mokapot {
namespace {

TEST(Random, NeverRepeats) {
  std::set<std::array<std::uint8_t, 16>> seen;
  for (int i = 0; i < 2000; ++i) {
    std::array<std::uint8_t, 16> bytes;
    random_bytes(bytes.data(), bytes.size());
    EXPECT_TRUE(seen.insert(bytes).second);
  }
}

TEST(Random, FillsExactlyWhatWasAskedFor) {
  for (const std::size_t size : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 4096u, 100'001u}) {
    // Two fills: a byte that stays the same mark in both was not written (1 in 2^16 would by
    // chance, hence the few more).
    std::vector<std::uint8_t> bytes(size + 2, 0x5c);
    std::vector<bool> written(size, false);
    for (int round = 0; round < 8; ++round) {
      random_bytes(bytes.data() + 1, size);
      for (std::size_t i = 0; i < size; ++i) {
        if (bytes[1 + i] != 0x5c) written[i] = true;
        bytes[1 + i] = 0x5c;
      }
    }
    for (std::size_t i = 0; i < size; ++i) EXPECT_TRUE(written[i]) << i << " of " << size;
    EXPECT_EQ(bytes.front(), 0x5c);
    EXPECT_EQ(bytes.back(), 0x5c);
  }
}

TEST(Random, HalfOfTheBitsAreSet) {
  std::vector<std::uint8_t> bytes(1 << 16);
  random_bytes(bytes.data(), bytes.size());
  long ones = 0;
  for (const std::uint8_t byte : bytes) ones += std::popcount(byte);
  // 524288 bits: standard deviation 362. Ten of them.
  EXPECT_NEAR(ones, 262'144, 3'620);
}

TEST(Random, EntropyChangesTheStream) {
  // A child's stream and its parent's are the same until either is given something.
  const auto first_word_after = [](const char* entropy, std::size_t size) {
    add_entropy(entropy, size);
    std::uint64_t word = 0;
    random_bytes(&word, sizeof(word));
    return word;
  };
  std::set<std::uint64_t> words;
  words.insert(first_word_after("", 0));
  words.insert(first_word_after("\0", 1));
  words.insert(first_word_after("\0\0", 2));
  words.insert(first_word_after("0123456789abcdef0123456789abcdef0123456789abcdef", 48));
  EXPECT_EQ(words.size(), 4u);
}

}  // namespace
}  // namespace mokapot
