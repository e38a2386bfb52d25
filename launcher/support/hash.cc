// SPDX-License-Identifier: Apache-2.0
#include "support/hash.h"

#include <cstdio>

namespace moka {

Hash& Hash::add(std::string_view bytes) {
  for (const char byte : bytes) {
    state_ ^= static_cast<unsigned char>(byte);
    state_ *= kPrime;
  }
  // The length goes in too, so that ("ab", "c") and ("a", "bc") differ.
  return add(bytes.size());
}

Hash& Hash::add(std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) {
    state_ ^= (number >> shift) & 0xff;
    state_ *= kPrime;
  }
  return *this;
}

std::string Hash::text() const {
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(state_ >> 64),
                static_cast<unsigned long long>(state_));
  return digits;
}

}  // namespace moka
