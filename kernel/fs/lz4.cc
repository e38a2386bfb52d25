// SPDX-License-Identifier: Apache-2.0
//
// The library's one file is compiled here, and so with the flags of whoever compiles this: without vector registers
// in the kernel, under sanitizers in tests. What it defines beside the two functions that are called, the linker drops.

#include "fs/lz4.h"

#include <climits>
#include <cstring>

// No heap, no C library. The names are the library's.
#define LZ4_FREESTANDING 1
#define LZ4_memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define LZ4_memmove(to, from, size) __builtin_memmove(to, from, size)
#define LZ4_memset(to, value, size) __builtin_memset(to, value, size)
#include "lz4/lib/lz4.c"

namespace mokapot {
namespace {

const char* characters(std::span<const std::byte> bytes) {
  // SAFETY: any object may be looked at as characters.
  return reinterpret_cast<const char*>(bytes.data());
}

}  // namespace

bool lz4_decompress(std::span<const std::byte> from, std::span<std::byte> to) {
  static_assert(lz4_margin(100'000) == LZ4_DECOMPRESS_INPLACE_MARGIN(100'000));
  if (from.size() > INT_MAX || to.size() > INT_MAX) return false;
  const int size = static_cast<int>(to.size());
  // SAFETY: as above.
  return LZ4_decompress_safe(characters(from), reinterpret_cast<char*>(to.data()), static_cast<int>(from.size()),
                             size) == size;
}

bool lz4_decompress_front(std::span<const std::byte> from, std::span<std::byte> to) {
  if (from.size() > INT_MAX || to.size() > INT_MAX) return false;
  const int size = static_cast<int>(to.size());
  // SAFETY: as above.
  return LZ4_decompress_safe_partial(characters(from), reinterpret_cast<char*>(to.data()),
                                     static_cast<int>(from.size()), size, size) == size;
}

}  // namespace mokapot
