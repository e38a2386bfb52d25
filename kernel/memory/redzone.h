// SPDX-License-Identifier: Apache-2.0
//
// Checking builds (MOKAPOT_DEBUG) keep a pattern behind each object of the heap, up to the end of its slot, and look
// for it when the object is freed: a write past its end, a second free and a pointer into the middle are then panics.
// The slot's last word says how large the object is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "memory/poison.h"

namespace mokapot {

inline constexpr std::size_t kRedzoneBytes = kPoisonFreed ? 16 : 0;  // at least so much of each slot is not the object's
inline constexpr unsigned char kRedzoneByte = 0xbb;

namespace redzone {

inline constexpr std::uint64_t kSizeMask = 0xbbbb'beef'0000'0000;

inline void draw(void* object, std::size_t size, std::size_t slot) {
  if constexpr (kPoisonFreed) {
    auto* bytes = static_cast<unsigned char*>(object);
    const std::uint64_t record = kSizeMask | size;
    std::memset(bytes + size, kRedzoneByte, slot - sizeof(record) - size);
    std::memcpy(bytes + slot - sizeof(record), &record, sizeof(record));
  }
}

inline void expect_intact(const void* object, std::size_t slot) {
  if constexpr (kPoisonFreed) {
    const auto* bytes = static_cast<const unsigned char*>(object);
    std::uint64_t record;
    std::memcpy(&record, bytes + slot - sizeof(record), sizeof(record));
    if (record == kPoison) panic("heap object at %p is freed twice", object);
    const std::size_t size = record & ~kSizeMask;
    if ((record & kSizeMask) != kSizeMask || size > slot - kRedzoneBytes) {
      panic("heap object at %p: no object begins there, or something ran over all of it: %#lx", object, record);
    }
    for (std::size_t i = size; i < slot - sizeof(record); ++i) {
      if (bytes[i] != kRedzoneByte) {
        panic("heap object at %p of %zu bytes was written past its end: byte %zu is %#x", object, size, i, bytes[i]);
      }
    }
  }
}

}  // namespace redzone
}  // namespace mokapot
