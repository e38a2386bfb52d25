// SPDX-License-Identifier: Apache-2.0
//
// FNV-1a over 128 bits: names cached images by what they were made from. It finds changes; it is no
// defence against someone who can already write to the user's own cache.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moka {

class Hash {
 public:
  Hash& add(std::string_view bytes);
  Hash& add(std::uint64_t number);
  // 32 hexadecimal digits.
  std::string text() const;

 private:
  __extension__ typedef unsigned __int128 Word;
  // The offset basis and prime of FNV for 128 bits.
  Word state_ = (Word{0x6c62272e07bb0142} << 64) | 0x62b821756295c58d;
  static constexpr Word kPrime = (Word{0x1000000} << 64) | 0x13b;
};

}  // namespace moka
