// SPDX-License-Identifier: Apache-2.0
#include "net/checksum.h"

#include <cstring>

namespace mokapot {

std::uint16_t internet_sum(const void* bytes, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  // Words of any width may be added, since 2^16 is one modulo 65535: four bytes each into 64 bits leaves room for
  // the carries of 2^32 additions. Two sums, so that one addition need not wait for the other.
  std::uint64_t even = 0, odd = 0;
  for (; size >= 32; at += 32, size -= 32) {
    std::uint64_t words[4];
    std::memcpy(words, at, sizeof(words));
    even += (words[0] & 0xffffffff) + (words[1] & 0xffffffff) + (words[2] & 0xffffffff) + (words[3] & 0xffffffff);
    odd += (words[0] >> 32) + (words[1] >> 32) + (words[2] >> 32) + (words[3] >> 32);
  }
  std::uint64_t sum = even + odd;
  for (; size >= 4; at += 4, size -= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    sum += word;
  }
  if (size > 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, size);
    sum += word;
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace mokapot
