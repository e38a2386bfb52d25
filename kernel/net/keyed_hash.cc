// SPDX-License-Identifier: Apache-2.0
#include "net/keyed_hash.h"

#include <bit>
#include <cstring>

namespace mokapot {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, const void* bytes, std::size_t size) {
  State state{key.words[0] ^ 0x736f6d6570736575, key.words[1] ^ 0x646f72616e646f6d,
              key.words[0] ^ 0x6c7967656e657261, key.words[1] ^ 0x7465646279746573};
  const auto* at = static_cast<const unsigned char*>(bytes);
  std::size_t left = size;
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    state.absorb(word);
  }
  // The last word: what is left, and the length's low byte on top.
  std::uint64_t last = 0;
  std::memcpy(&last, at, left);
  state.absorb(last | static_cast<std::uint64_t>(size) << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace mokapot
