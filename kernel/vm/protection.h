// SPDX-License-Identifier: Apache-2.0
//
// What a mapping permits and how it is shared: the words of mmap(2).
#pragma once

#include <cstdint>

#include "base/types.h"

namespace mokapot {

inline constexpr std::uint64_t kApplicationBegin = 0x1'0000;
inline constexpr std::uint64_t kApplicationEnd = 0x7fff'ffff'f000;

// Values are Linux's PROT_ bits.
enum class Protection : std::uint8_t { kNone = 0, kRead = 1, kWrite = 2, kExecute = 4, kAll = 7 };
constexpr Protection operator|(Protection a, Protection b) {
  return static_cast<Protection>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool permits(Protection have, Protection want) {
  return (static_cast<unsigned>(have) & static_cast<unsigned>(want)) == static_cast<unsigned>(want);
}

enum class Sharing : std::uint8_t { kPrivate, kShared };

}  // namespace mokapot
