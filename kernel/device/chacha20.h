// SPDX-License-Identifier: Apache-2.0
//
// The ChaCha20 block function of RFC 8439, section 2.3. Pure; any context.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mokapot {

inline constexpr std::size_t kChaChaKeyWords = 8;
inline constexpr std::size_t kChaChaBlockSize = 64;

// Writes the block of key stream that belongs to (key, counter, nonce).
void chacha20_block(const std::uint32_t (&key)[kChaChaKeyWords], std::uint32_t counter,
                    const std::uint32_t (&nonce)[3], std::uint8_t (&out)[kChaChaBlockSize]);

}  // namespace mokapot
