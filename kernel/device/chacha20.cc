// SPDX-License-Identifier: Apache-2.0

#include "device/chacha20.h"

#include <bit>
#include <cstring>

namespace mokapot {
namespace {

void quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
  a += b;
  d = std::rotl(d ^ a, 16);
  c += d;
  b = std::rotl(b ^ c, 12);
  a += b;
  d = std::rotl(d ^ a, 8);
  c += d;
  b = std::rotl(b ^ c, 7);
}

}  // namespace

void chacha20_block(const std::uint32_t (&key)[kChaChaKeyWords], std::uint32_t counter,
                    const std::uint32_t (&nonce)[3], std::uint8_t (&out)[kChaChaBlockSize]) {
  static_assert(std::endian::native == std::endian::little,
                "words are stored as they lie in memory");
  const std::uint32_t initial[16] = {
      0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,  // "expand 32-byte k"
      key[0],     key[1],     key[2],     key[3],     key[4],   key[5],
      key[6],     key[7],     counter,    nonce[0],   nonce[1], nonce[2],
  };
  std::uint32_t x[16];
  std::memcpy(x, initial, sizeof(x));
  for (int double_round = 0; double_round < 10; ++double_round) {
    for (int i = 0; i < 4; ++i) quarter_round(x[i], x[4 + i], x[8 + i], x[12 + i]);
    for (int i = 0; i < 4; ++i) {
      quarter_round(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
    }
  }
  for (int i = 0; i < 16; ++i) x[i] += initial[i];
  std::memcpy(out, x, sizeof(x));
}

}  // namespace mokapot
