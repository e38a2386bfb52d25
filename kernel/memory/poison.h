// SPDX-License-Identifier: Apache-2.0
//
// Checking builds (MOKAPOT_DEBUG) fill memory that has been freed with a pattern and look for it when the memory
// is used again: a write through a stale pointer, a stale TLB entry or by a device that was not done is then a panic
// which names the place, and not somebody else's corrupted data. In other builds all of this is nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace mokapot {

#ifdef MOKAPOT_DEBUG
inline constexpr bool kPoisonFreed = true;
#else
inline constexpr bool kPoisonFreed = false;
#endif

// No address: bits 48 to 63 differ from bit 47.
inline constexpr std::uint64_t kPoison = 0x6b6b'dead'6b6b'dead;

// Both: memory and size are multiples of 8.
inline void poison(void* memory, std::size_t size) {
  if constexpr (kPoisonFreed) {
    auto* words = static_cast<std::uint64_t*>(memory);
    for (std::size_t i = 0; i < size / sizeof(*words); ++i) words[i] = kPoison;
  }
}
inline bool is_poisoned_somewhere(const void* memory, std::size_t size) {
  const auto* words = static_cast<const std::uint64_t*>(memory);
  for (std::size_t i = 0; i < size / sizeof(*words); ++i) {
    if (words[i] == kPoison) return true;
  }
  return false;
}
inline void expect_filled(const void* memory, std::size_t size, std::uint64_t pattern, const char* what) {
  if constexpr (kPoisonFreed) {
    const auto* words = static_cast<const std::uint64_t*>(memory);
    for (std::size_t i = 0; i < size / sizeof(*words); ++i) {
      if (words[i] != pattern) panic("%s at %p was written to after it was freed: word %zu is %#lx", what, memory, i, words[i]);
    }
  }
}
inline void expect_poisoned(const void* memory, std::size_t size, const char* what) {
  expect_filled(memory, size, kPoison, what);
}

}  // namespace mokapot
