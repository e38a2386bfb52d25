// SPDX-License-Identifier: Apache-2.0
// sources: kernel/device/chacha20.cc

#include "device/chacha20.h"

#include <gtest/gtest.h>

#include <cstring>

namespace mokapot {
namespace {

struct Block {
  std::uint32_t key[kChaChaKeyWords] = {};
  std::uint32_t nonce[3] = {};
  std::uint8_t out[kChaChaBlockSize] = {};
};

// RFC 8439, section 2.3.2.
TEST(ChaCha20, BlockOfTheSpecification) {
  Block block;
  std::uint8_t key[32];
  for (std::uint8_t i = 0; i < 32; ++i) key[i] = i;
  std::memcpy(block.key, key, sizeof(key));
  const std::uint8_t nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
  std::memcpy(block.nonce, nonce, sizeof(nonce));
  const std::uint8_t expected[64] = {
      0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
      0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
      0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
      0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
      0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
  chacha20_block(block.key, 1, block.nonce, block.out);
  EXPECT_EQ(std::memcmp(block.out, expected, sizeof(expected)), 0);
}

// RFC 8439, appendix A.1, test vectors 1 and 2: nothing but zeroes, counters 0 and 1.
TEST(ChaCha20, KeyStreamOfZeroes) {
  Block block;
  const std::uint8_t first[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                  0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28};
  chacha20_block(block.key, 0, block.nonce, block.out);
  EXPECT_EQ(std::memcmp(block.out, first, sizeof(first)), 0);
  const std::uint8_t second[16] = {0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a,
                                   0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d};
  chacha20_block(block.key, 1, block.nonce, block.out);
  EXPECT_EQ(std::memcmp(block.out, second, sizeof(second)), 0);
}

}  // namespace
}  // namespace mokapot
